"""Where requests go: one URL of an endpoint, taken apart."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from auditcube.errors import SetupFailed

_UNIX = "http+unix"


@dataclass(frozen=True)
class Target:
    """Where requests go.

    `url` is scheme://host[:port][/prefix] with http or https, or http+unix://%2Fpath%2Fof%2Fthe.socket[/prefix];
    `ca_file` a PEM file with the CAs to trust.
    """

    url: str
    path: str
    ca_file: str | None = None

    def head(self, headers: Mapping[str, str]) -> bytes:
        """Everything before the body's length: request line and headers."""
        parts = urlsplit(self.url)
        lines = [
            f"POST {parts.path.rstrip('/')}{self.path} HTTP/1.1",
            f"Host: {'localhost' if self.unix_path else parts.netloc}",
            "Content-Type: application/json",
            "Accept: */*",
            "Accept-Encoding: identity",
            "User-Agent: auditcube",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\nContent-Length: "

    @property
    def unix_path(self) -> str | None:
        """The path of the socket, or None for a target in a network."""
        parts = urlsplit(self.url)
        return unquote(parts.netloc) if parts.scheme == _UNIX else None

    @property
    def http_url(self) -> str:
        """The URL as HTTP sees it: behind a socket, its host is this one."""
        return f"http://localhost{urlsplit(self.url).path}" if self.unix_path is not None else self.url

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of a target in a network."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def tls(self) -> ssl.SSLContext | None:
        """The TLS context for https; verification is never off. Raises SetupFailed if `ca_file` cannot be used."""
        if urlsplit(self.url).scheme != "https":
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as problem:
            reason = "holds no certificate" if isinstance(problem, ssl.SSLError) else problem.strerror
            raise SetupFailed(f"endpoint.ca_file {self.ca_file}: {reason}; a PEM file is wanted") from problem
        context.set_alpn_protocols(["http/1.1"])
        return context


def authorization(name: str | None, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The API key in the variable `name` ("" if there is none), and the headers that carry it.

    Raises SetupFailed, without the key, for one that no header can carry.
    """
    key = environ.get(name, "") if name else ""
    if not (key.isascii() and key.isprintable()):
        raise SetupFailed(f"the key in the variable {name} holds more than printable ASCII; a line break, perhaps?")
    return key, {"Authorization": f"Bearer {key}"} if key else {}
