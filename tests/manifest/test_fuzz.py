"""A few mutants of each kind of sidecar; `benchmarks/fuzz_manifests.py` tries 100,000."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auditcube.evidence.store import Store
from auditcube.verification import check
from bundles import Bundle
from e2e.commands import called, job, sure_to_pass
from fuzzing import Tally, Target, fuzz

_EACH = 250


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzzed")
    tree = folder / "tree"
    with sure_to_pass() as server:
        given = ("--config", job(folder, server.url))
        assert called("run_reference", *given, "--output_dir", tree / "run_reference").code == 0
        pair = ("--reference_dir", tree / "run_reference")
        assert called("run_audit", *given, *pair, "--output_dir", tree / "run_audit").code == 0
    assert called("verify", *pair, "--audit_dir", tree / "run_audit", "--output_dir", tree / "verify").code == 0
    return tree


@pytest.mark.parametrize(("last", "seed"), [("run_reference", 1), ("run_audit", 2), ("verify", 3)])
def test_no_mutant_crashes_us_or_passes(tree: Path, tmp_path: Path, last: str, seed: int) -> None:
    here = tmp_path / "tree"
    for task in ("run_reference", "run_audit", "verify"):
        shutil.copytree(tree / task, here / task)
        if task == last:
            break
    reference = check(Store(here / "run_reference")) if last == "run_audit" else None
    tally = Tally()
    fuzz(Target(Bundle(here / last), here, reference), _EACH, seed, tally)
    assert tally.wrong == []
    assert tally.tried == _EACH
    assert min(tally.by_stage[stage] for stage in ("form", "validate")) > 0
