"""What the tests of the endpoint share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.endpoint import Endpoint


@pytest.fixture(scope="module")
def honest() -> Iterator[Endpoint]:
    """One endpoint for the tests that leave it as it was."""
    with Endpoint("--service-ms", "0", "--token-ms", "0") as endpoint:
        yield endpoint
