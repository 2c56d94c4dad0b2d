"""What the end-to-end tests share: an honest endpoint, and one audited result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.commands import Server, audit_here, job, sure_to_pass


@pytest.fixture(scope="session")
def honest() -> Iterator[Server]:
    """One endpoint for the tests that ask nothing special of it."""
    with sure_to_pass() as server:
        yield server


@pytest.fixture(scope="session")
def audited(honest: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output directory of an `audit` that passed, warm-up included. Nobody may write to it."""
    folder = tmp_path_factory.mktemp("audited")
    config = job(folder, honest.url, {"load": {"warmup_queries": 4}})
    done = audit_here(config, folder / "out")
    assert done.code == 0, done.out + done.err
    return folder / "out"
