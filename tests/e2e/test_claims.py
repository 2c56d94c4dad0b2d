"""`claim_status` is a gate: a config asks, and what the sidecar says follows from the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bundles import Bundle
from e2e.commands import Server, audit, audit_here, auditcube, called, job, sidecar

IMAGE = {"AUDITCUBE_RUNNER": "enroot", "AUDITCUBE_IMAGE": "auditcube.sqsh", "AUDITCUBE_SQUASHFS_SHA256": "ab" * 32}


def test_what_is_not_granted_is_told_and_nowhere_claimed(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url, {"claim_status": "public"})
    done = audit(config, tmp_path / "out")
    assert done.code == 0, done.err
    assert sidecar(tmp_path / "out")["claim_status"] == "internal"
    for reason in ("digest of the image", "runs of 600 s, and reference is"):
        assert f"Claim: internal, not public: public needs {'a ' if 'digest' in reason else ''}{reason}" in done.out
    report = (tmp_path / "out" / "report.html").read_text()
    assert "internal" in report
    assert called("verify", tmp_path / "out").code == 0
    assert called("manifest", "validate", tmp_path / "out").code == 0


def test_a_finding_of_the_scan_closes_the_gate_too(
    honest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditcube.manifest.claim.FULL_DURATION_S", 0.0)
    monkeypatch.setattr("auditcube.manifest.provenance._baked", lambda: {"commit": "c" * 40, "dirty": False})
    changes: dict[str, Any] = {"claim_status": "public", "benchmark": "/home/erika/river"}
    done = audit_here(job(tmp_path, honest.url, changes), tmp_path / "out", "--json", variables=IMAGE)
    assert done.code == 0, done.err
    assert done.json["claim_status"] == sidecar(tmp_path / "out")["claim_status"] == "internal"
    assert any("clean scan" in reason for reason in done.json["claim_refused"])
    assert called("verify", tmp_path / "out", variables=IMAGE).code == 0


@pytest.mark.parametrize("wanted", ["diagnostic", "internal"])
def test_less_is_granted_and_can_be_made_no_more(honest: Server, tmp_path: Path, wanted: str) -> None:
    done = audit_here(job(tmp_path, honest.url, {"claim_status": wanted}), tmp_path / "out")
    assert done.code == 0, done.err
    assert "Claim:" not in done.out
    bundle = Bundle(tmp_path / "out")
    assert bundle.manifest["claim_status"] == wanted
    bundle.claim(lambda m: m.update(claim_status="public"))
    for command in (("verify",), ("manifest", "validate")):
        told = auditcube(*command, bundle.root)
        assert told.code == 5
        assert "#/claim_status: claim:" in told.out or "claim: public needs" in told.out
