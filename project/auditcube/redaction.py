"""The second wall for secrets: what was read from the environment is taken out of every text that leaves the process.

The first wall is that a config names a variable and never holds the key. This one is for what others echo: an error
body that repeats the request's headers, an exception's text, an answer.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable
from urllib.parse import quote

MARK = "[redacted]"


class Scrubber:
    """Replaces known secrets, in the spellings that an echo is likely to use, by `MARK`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {form for secret in secrets if secret for form in _spellings(secret)}
        # The longest first: one spelling may contain another.
        self._spellings = sorted(spellings, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for spelling in self._spellings:
            text = text.replace(spelling, MARK)
        return text

    def json(self, value: object) -> object:
        """The same for every string, key or value, inside a JSON value."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list):
            return [self.json(item) for item in value]
        if isinstance(value, dict):
            return {self(str(key)): self.json(item) for key, item in value.items()}
        return value


def _spellings(secret: str) -> set[str]:
    data = secret.encode()
    encoded = {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
    in_json = json.dumps(secret)[1:-1]
    return {
        *(secret, html.escape(secret), quote(secret), quote(secret, safe="")),
        *(in_json, in_json.replace("/", "\\/")),
        *encoded,
        *(text.rstrip("=") for text in encoded),
    }
