"""Where a task ran and what made it, without naming a machine, a user or a credential."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from auditcube import __version__
from auditcube.manifest import provenance, schema
from manifest.examples import FULL


def test_the_time_is_rfc_3339_in_utc_to_the_microsecond() -> None:
    before = datetime.now(timezone.utc)
    text = provenance.utc_now()
    after = datetime.now(timezone.utc)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    told = datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert before - timedelta(microseconds=1) <= told <= after
    assert schema.problems(FULL | {"started_on": text}) == []


def test_run_ids_are_uuids_of_version_7_that_sort_by_time() -> None:
    before = datetime.now(timezone.utc).timestamp()
    ids = [provenance.new_run_id() for _ in range(1000)]
    after = datetime.now(timezone.utc).timestamp()
    assert len(set(ids)) == 1000
    for text in ids:
        value = uuid.UUID(text)
        assert str(value) == text
        assert (value.variant, value.int >> 76 & 0xF) == (uuid.RFC_4122, 7)
        assert before - 0.002 <= (value.int >> 80) / 1000 <= after
    assert [text[:13] for text in ids] == sorted(text[:13] for text in ids)
    assert schema.problems(FULL | {"run_id": ids[0]}) == []


def test_provenance_is_what_the_schema_wants_and_of_this_version() -> None:
    found = provenance.provenance("2026-11-22T00:00:00.000000Z")
    assert schema.problems(FULL | {"provenance": found}) == []
    assert found["created_at"] == "2026-11-22T00:00:00.000000Z"
    assert found["tool"] == {"name": "auditcube", "version": __version__, "commit": found["commit"]}


def test_a_wheel_tells_what_it_was_built_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = {"version": "1", "commit": "c0ffee", "dirty": True, "repo": None, "diff_sha256": "0" * 64}
    (tmp_path / "_build.json").write_text(json.dumps(built))
    monkeypatch.setattr(provenance, "files", lambda package: tmp_path)
    found = provenance.provenance("t")
    assert (found["commit"], found["dirty"], found["repo"]) == ("c0ffee", True, "unknown")
    assert found["diff"] == {"sha256": "0" * 64}
    assert found["tool"]["commit"] == provenance.baked_commit() == "c0ffee"


def test_without_git_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = provenance.provenance("t")
    assert (found["repo"], found["commit"], found["dirty"]) == ("unknown", "unknown", None)
    assert schema.problems(FULL | {"provenance": found}) == []


def test_a_folder_that_is_no_checkout_claims_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path / "project" / "auditcube")
    assert provenance.provenance("t")["commit"] == "unknown"


def test_the_environment_names_neither_machine_nor_user() -> None:
    found = provenance.environment(os.environ)
    assert schema.problems(FULL | {"environment": found}) == []
    told = json.dumps(found)
    assert platform.node() not in told or len(platform.node()) < 3
    assert getpass.getuser() not in told
    assert str(os.getcwd()) not in told
