"""A URL taken apart: what goes on the wire, and where to."""

from __future__ import annotations

import ssl

import pytest

from auditcube.load.target import Target


@pytest.mark.parametrize(
    ("url", "line", "host", "address"),
    [
        ("http://h", "POST /v1 HTTP/1.1", "h", ("h", 80)),
        ("http://h:81/", "POST /v1 HTTP/1.1", "h:81", ("h", 81)),
        ("https://h/a/b/", "POST /a/b/v1 HTTP/1.1", "h", ("h", 443)),
        ("http://[::1]:8000", "POST /v1 HTTP/1.1", "[::1]:8000", ("::1", 8000)),
        ("http+unix://%2Frun%2Fs.sock/p", "POST /p/v1 HTTP/1.1", "localhost", None),
    ],
)
def test_the_head_and_the_address(url: str, line: str, host: str, address: tuple[str, int] | None) -> None:
    target = Target(url, "/v1")
    head = target.head({"Authorization": "Bearer k"}).decode().split("\r\n")
    assert head[0] == line
    assert f"Host: {host}" in head
    assert "Authorization: Bearer k" in head
    assert head[-1] == "Content-Length: "
    assert (target.unix_path is None) == (address is not None)
    assert address is None or target.address == address


def test_a_socket_has_a_path_and_a_url_for_http() -> None:
    target = Target("http+unix://%2Frun%2Fmy%20dir%2Fs.sock/p", "/v1")
    assert target.unix_path == "/run/my dir/s.sock"
    assert target.http_url == "http://localhost/p"
    assert Target("https://h:1/p", "/v1").http_url == "https://h:1/p"


def test_tls_is_always_verified() -> None:
    context = Target("https://h", "/v1").tls()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert Target("http://h", "/v1").tls() is None
    assert Target("http+unix://%2Fs", "/v1").tls() is None
