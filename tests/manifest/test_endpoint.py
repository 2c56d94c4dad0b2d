"""The salted digest of an endpoint: the same for the same URLs under one salt, and nobody else's."""

from __future__ import annotations

import hashlib
import json

from auditcube.manifest import endpoint

SALT = "00112233445566778899aabbccddeeff"
URLS = ("http://b.example:8000", "http://a.example")


def test_anyone_who_knows_the_urls_can_make_it() -> None:
    said = bytes.fromhex(SALT) + json.dumps([sorted(URLS), None], separators=(",", ":")).encode()
    assert endpoint.identity(URLS, None, SALT, publish=False) == {
        "endpoints": 2,
        "salt": SALT,
        "sha256": hashlib.sha256(said).hexdigest(),
    }


def test_the_order_of_the_urls_says_nothing() -> None:
    assert endpoint.identity(URLS, None, SALT, False) == endpoint.identity(reversed(URLS), None, SALT, False)


def test_another_url_path_or_salt_is_another_endpoint() -> None:
    made = [
        endpoint.identity(urls, path, salt, publish=False)["sha256"]
        for urls in (URLS, URLS[:1], ("http://a.exampl", "ehttp://b.example:8000"))
        for path in (None, "/v1")
        for salt in (SALT, endpoint.new_salt())
    ]
    assert len(set(made)) == len(made)


def test_urls_are_told_only_where_that_is_allowed() -> None:
    told = endpoint.identity(URLS, None, SALT, publish=True)
    assert told.pop("urls") == sorted(URLS)
    assert told == endpoint.identity(URLS, None, SALT, publish=False)
    assert "example" not in json.dumps(told)


def test_the_salt_is_taken_over() -> None:
    assert endpoint.salt_of({"endpoint_identity": endpoint.identity(URLS, None, SALT, False)}) == SALT
    assert endpoint.salt_of({}) is None
