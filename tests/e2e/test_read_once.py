"""A run's events are read once: what the sidecar lists of them is what was judged, whatever becomes of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditcube.results import Results, derive
from e2e.commands import Server, audit_here, job, sidecar, verified

EVENTS = "runs/reference/events.jsonl"


@pytest.mark.parametrize("changed", [False, True])
def test_the_digest_is_of_what_was_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: bool) -> None:
    file, judged = tmp_path / "out" / EVENTS, list[bytes]()

    def then_changed(*arguments: Any) -> Results:
        judged.append(file.read_bytes())
        if changed:
            file.write_bytes(judged[0] + b"\n")
        return derive(*arguments)

    monkeypatch.setattr("auditcube.conclusion.derive", then_changed)
    with Server() as server:
        done = audit_here(job(tmp_path, server.url), tmp_path / "out", task="run_reference")
    assert done.code == 0, done.err
    listed: Mapping[str, Any] = {entry["path"]: entry for entry in sidecar(tmp_path / "out")["artifacts"]}[EVENTS]
    assert listed["size"] == len(judged[0])
    assert listed["digest"]["sha256"] == hashlib.sha256(judged[0]).hexdigest()
    assert (verified(tmp_path / "out").exit_code == 0) == (not changed)
