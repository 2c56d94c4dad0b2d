"""Control calls to the endpoint, outside of any measurement: is it there, and what does one answer look like?"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from typing import Any

import requests

from auditcube import adapters
from auditcube.adapters.contract import DecodeError, Keep, error_message, shortened
from auditcube.dataset import Sample
from auditcube.errors import RunBroken, SetupFailed
from auditcube.load.share import Endpoint
from auditcube.load.target import Target, authorization
from auditcube.redaction import Scrubber
from auditcube.unix_sockets import UnixAdapter

_CONNECT_S, _READ_S = 5.0, 10.0
_NOT_READY = 503
_HEALTH_BYTES = 4096
# ValueError: what urllib3 raises, and requests lets through, for a host name that cannot be one.
_UNREACHABLE = (requests.exceptions.RequestException, OSError, ValueError)


def check_reachable(endpoint: Endpoint) -> None:
    """Raises SetupFailed unless something answers HTTP at each of the endpoint's URLs, whatever it answers.

    A server that accepts the connection but is busy with its work counts as there; one that calls itself unavailable
    (HTTP 503 for /health, as while a model is loading) does not.
    """
    for target in endpoint.targets:
        _check_reachable(target)


def _check_reachable(target: Target) -> None:
    url = target.url
    try:
        with _session(target, {}) as session:
            health = f"{target.http_url.rstrip('/')}/health"
            response = session.get(health, timeout=(_CONNECT_S, _READ_S), stream=True, allow_redirects=False)
            told = next(response.iter_content(_HEALTH_BYTES), b"") if response.status_code == _NOT_READY else None
    except requests.exceptions.ReadTimeout:
        return
    except _UNREACHABLE as problem:
        raise SetupFailed(f"endpoint {url}: {_reason(problem)}; is it up, and is endpoint.url right?") from None
    if told is not None:
        raise SetupFailed(f"endpoint {url}: not ready, says /health: {shortened(error_message(told)) or _NOT_READY}")


def ask(endpoint: Endpoint, sample: Sample, environ: Mapping[str, str]) -> dict[str, Any]:
    """Send one request to the first of the endpoint's URLs, as a run would, and tell what came back.

    Raises SetupFailed if the endpoint cannot be reached, RunBroken if what came back is no answer.
    """
    adapter = adapters.get(endpoint.api)
    target = endpoint.targets[0]
    body = adapter.encode(sample, endpoint.model, endpoint.parameters)
    key, headers = authorization(endpoint.api_key_env, environ)
    scrub = Scrubber([key])
    url = target.http_url.rstrip("/") + target.path
    started = time.monotonic()
    try:
        with _session(target, {**headers, "Content-Type": "application/json"}) as session:
            response = session.post(url, data=body, timeout=(_CONNECT_S, endpoint.timeout_s), allow_redirects=False)
            content = response.content
    except _UNREACHABLE as problem:
        raise SetupFailed(f"endpoint {url}: {shortened(scrub(_reason(problem)))}") from None
    took_s = time.monotonic() - started
    if not 200 <= response.status_code < 300:
        raise RunBroken(f"endpoint {url}: HTTP {response.status_code}: {shortened(scrub(error_message(content)))}")
    keep = Keep(max_answer_bytes=endpoint.max_answer_bytes)
    decoder = adapter.decoder(response.headers.get("Content-Type", "").lower(), keep)
    try:
        decoder.feed(content, 0)
        answer = decoder.finish()
    except DecodeError as problem:
        raise RunBroken(f"endpoint {url}: the answer cannot be read: {shortened(scrub(str(problem)))}") from None
    return {
        "url": url,
        "http_status": response.status_code,
        "content_type": scrub(response.headers.get("Content-Type", "")) or None,
        "bytes": len(content),
        "took_s": round(took_s, 3),
        "chunks": answer.chunks,
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "output": scrub.json(dict(answer.output)),
    }


def _session(target: Target, headers: Mapping[str, str]) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc: the same way as the measured requests, and no other credentials
    session.headers.update({**headers, "Accept-Encoding": "identity", "User-Agent": "auditcube"})
    if target.unix_path is not None:
        session.mount("http://", UnixAdapter(target.unix_path))
    # The CAs that a run trusts (requests has a list of its own, which a company's CA is not in).
    trusted = ssl.get_default_verify_paths()
    session.verify = target.ca_file or trusted.cafile or trusted.capath or True
    return session


def _reason(problem: Exception) -> str:
    """The innermost cause in a few words; requests nests three libraries' exceptions."""
    if isinstance(problem, requests.exceptions.ConnectTimeout):
        return f"no connection within {_CONNECT_S:.0f} s"
    text = str(problem)
    for sign, reason in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "the host name is not known"),
        ("Temporary failure in name resolution", "the host name cannot be resolved"),
        ("No route to host", "no route to the host"),
        ("CERTIFICATE_VERIFY_FAILED", "its TLS certificate is not trusted; see endpoint.ca_file"),
        ("WRONG_VERSION_NUMBER", "it does not speak TLS; http instead of https?"),
        ("record layer failure", "it does not speak TLS; http instead of https?"),
    ):
        if sign in text:
            return reason
    return " ".join(text.split())
