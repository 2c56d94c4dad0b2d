"""The commands of a reviewer: validate, show, schema, report."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from bundles import SIDECAR, Bundle
from e2e.commands import auditcube, called, contents, sidecar


def test_validate_finds_every_sidecar_below_a_folder(audited: Path, tmp_path: Path) -> None:
    good = Bundle.copied(audited, tmp_path / "tree" / "good")
    bad = Bundle.copied(audited, tmp_path / "tree" / "deep" / "bad")
    (bad.root / "report.html").write_text("all is well")
    done = auditcube("manifest", "validate", tmp_path / "tree", "--json")
    assert (done.code, done.err) == (5, "")
    assert done.json["validated"] == [str(bad.sidecar), str(good.sidecar)]
    (only,) = done.json["findings"]
    assert (only["code"], only["path"]) == ("artifact_digest", str(bad.root / "report.html"))
    plain = called("manifest", "validate", good.root, bad.root)
    assert plain.code == 5
    assert str(bad.root / "report.html") in plain.out
    assert "2 manifests, 1 findings" in plain.out
    assert called("manifest", "validate", good.sidecar).code == 0


def test_show_prints_a_sidecar_for_people_and_machines(audited: Path) -> None:
    before = contents(audited)
    plain = auditcube("manifest", "show", audited)
    assert (plain.code, plain.err) == (0, "")
    for text in ("river", sidecar(audited)["run_id"], "PASS", "rivers"):
        assert text in plain.out
    assert called("manifest", "show", audited / SIDECAR, "--json").json == sidecar(audited)
    assert contents(audited) == before


def test_show_refuses_what_does_not_hold(audited: Path, tmp_path: Path) -> None:
    bundle = Bundle.copied(audited, tmp_path / "bundle")
    bundle.sidecar.write_bytes(bundle.sidecar.read_bytes().replace(b"PASS", b"FAIL"))
    done = called("manifest", "show", bundle.root)
    assert done.code == 5
    assert "spelling" in done.out + done.err


def test_the_schema_is_printed_and_accepts_our_sidecars(audited: Path) -> None:
    done = called("manifest", "schema")
    assert (done.code, done.err) == (0, "")
    schema = json.loads(done.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(sidecar(audited))


def test_the_report_is_found_and_written_anew(audited: Path, tmp_path: Path) -> None:
    told = called("report", audited)
    assert (told.code, told.out.strip()) == (0, str(audited / "report.html"))
    page = tmp_path / "page.html"
    anew = called("report", audited, "--output", page)
    assert (anew.code, anew.out.strip()) == (0, str(page))
    assert page.read_bytes() == (audited / "report.html").read_bytes()
    bundle = Bundle.copied(audited, tmp_path / "bundle")
    (bundle.root / "audit/verify_TEST04.txt").write_text("Performance check pass: True\n")
    refused = auditcube("report", bundle.root)
    assert (refused.code, refused.out) == (5, "")
    assert "verify_TEST04.txt" in refused.err


def test_a_report_is_not_written_into_the_evidence(audited: Path, tmp_path: Path) -> None:
    bundle = Bundle.copied(audited, tmp_path / "bundle")
    before = contents(bundle.root)
    for name in ("runs/page.html", "report.html"):
        done = called("report", bundle.root, "--output", bundle.root / name)
        assert (done.code, done.out) == (2, "")
        assert name in done.err
    assert contents(bundle.root) == before
