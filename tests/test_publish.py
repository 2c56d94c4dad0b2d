"""A copy that may be published: what was found is gone, everything else is as it was, and the chain holds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from auditcube.errors import EvidenceRejected, InvalidInput, SetupFailed
from auditcube.evidence.store import Store
from auditcube.manifest.validator import validate
from auditcube.publish import publish
from auditcube.verification import check
from auditcube.verification.checked import Verification
from bundles import SIDECAR, STATEMENT, Bundle
from e2e.commands import called, contents, job, sure_to_pass

USER, MAIL, ADDRESS = "erika42", "erika.m" + "@example.org", "10.21.32." + "43"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reference, and an audit that started from it."""
    folder = tmp_path_factory.mktemp("results")
    with sure_to_pass() as server:
        given = (
            "--config",
            job(folder, server.url, {"load": {"warmup_queries": 3}, "endpoint": {"publish_url": True}}),
        )
        assert called("run_reference", *given, "--output_dir", folder / "all/reference").code == 0
        pair = ("--reference_dir", folder / "all/reference")
        assert called("run_audit", *given, *pair, "--output_dir", folder / "all/audit").code == 0
    return folder / "all"


def spoilt(source: Path, to: Path) -> Bundle:
    """A result with something private in the sidecar, the config, the report and an event."""
    bundle = Bundle.copied(source, to)
    bundle.replace("report.html", "<body>", f"<body><!-- /home/{USER}/job -->")
    bundle.replace("config.yaml", "http://127.0.0.1", f"http://{ADDRESS}")
    bundle.claim(lambda m: m["environment"].update(machine=f"node of {USER}"))
    bundle.claim(lambda m: m.update(non_claims=[*m["non_claims"], f"write to {MAIL}"]))
    return bundle


def test_nothing_to_withhold_leaves_all_as_it_was(results: Path, tmp_path: Path) -> None:
    done = publish(results, tmp_path / "copy", None)
    assert (done.results, done.withheld, done.salts) == (2, 0, None)
    assert contents(tmp_path / "copy") == contents(results)


def test_what_was_found_is_gone_and_told(results: Path, tmp_path: Path) -> None:
    bundle = spoilt(results / "reference", tmp_path / "in")
    done = publish(bundle.root, tmp_path / "out", None)
    text = b"".join(contents(tmp_path / "out").values())
    assert not any(value.encode() in text for value in (USER, MAIL, ADDRESS))
    copy = Bundle(tmp_path / "out").manifest
    assert copy["redaction_status"] == "redacted"
    assert copy["redaction"]["findings"] == {}
    told = {(entry["path"], entry["rule"]) for entry in copy["redaction"]["withheld"]}
    assert told == {
        ("report.html", "home-directory"), ("config.yaml", "ipv4"), ("", "email"), ("", "unexpected-value"),
    }  # fmt: skip
    assert done.withheld == len(copy["redaction"]["withheld"]) == 4
    assert validate([tmp_path / "out"]).findings == []


def test_the_copy_names_its_original_and_keeps_the_rest(results: Path, tmp_path: Path) -> None:
    bundle = spoilt(results / "audit", tmp_path / "in")
    publish(bundle.root, tmp_path / "out", None)
    copy, original = Bundle(tmp_path / "out").manifest, bundle.manifest
    digest = hashlib.sha256(bundle.sidecar.read_bytes()).hexdigest()
    assert copy["redaction"]["original"] == {"run_id": original["run_id"], "manifest_sha256": digest}
    assert copy["parents"] == original["parents"]
    assert copy["verdicts"] == original["verdicts"]
    changed = {name for name, data in contents(tmp_path / "out").items() if contents(bundle.root)[name] != data}
    assert changed == {SIDECAR, STATEMENT, "config.yaml", "report.html"}


def test_the_salts_open_the_commitments_and_are_private(results: Path, tmp_path: Path) -> None:
    bundle = spoilt(results / "reference", tmp_path / "in")
    done = publish(bundle.root, tmp_path / "out", tmp_path / "private/salts.json")
    assert done.salts == tmp_path / "private/salts.json"
    assert done.salts.stat().st_mode & 0o777 == 0o600
    salts = json.loads(done.salts.read_text())["salts"]
    for entry in Bundle(tmp_path / "out").manifest["redaction"]["withheld"]:
        commitment = entry["commitment"]["sha256"]
        value = {"email": MAIL, "home-directory": USER, "ipv4": ADDRESS}.get(entry["rule"], f"node of {USER}")
        assert hashlib.sha256(bytes.fromhex(salts[commitment]) + value.encode()).hexdigest() == commitment
        assert entry["length"] == len(value)


def test_a_pair_of_copies_verifies(results: Path, tmp_path: Path) -> None:
    """The audit's parent is the original reference, which the copy of the reference names."""
    for name in ("reference", "audit"):
        bundle = Bundle.copied(results / name, tmp_path / "in" / name)
        if name == "audit":
            parent = hashlib.sha256((tmp_path / "in/reference" / SIDECAR).read_bytes()).hexdigest()
            bundle.claim(lambda m: m["parents"][0].update(manifest_sha256=parent))  # noqa: B023 - called at once
        bundle.replace("config.yaml", "http://127.0.0.1", f"http://{ADDRESS}")
    parent = hashlib.sha256((tmp_path / "in/reference" / SIDECAR).read_bytes()).hexdigest()
    Bundle(tmp_path / "in/audit").claim(lambda m: m["parents"][0].update(manifest_sha256=parent))
    publish(tmp_path / "in", tmp_path / "out", None)
    reference = check(Store(tmp_path / "out/reference"))
    audit = check(Store(tmp_path / "out/audit"), reference)
    verification = Verification([reference, audit])
    assert verification.findings == []
    assert [verdict["outcome"] for verdict in verification.verdicts] == ["PASS"]
    assert all(any("config_hashes" in limit for limit in part.limits) for part in verification.parts)


def test_a_copy_that_tells_too_little_is_inconclusive(results: Path, tmp_path: Path) -> None:
    """A plan that cannot be made again is no pass."""
    bundle = Bundle.copied(results / "reference", tmp_path / "in")
    bundle.replace("config.yaml", "samples: null", f"samples: {MAIL}")
    publish(bundle.root, tmp_path / "out", None)
    verification = Verification([check(Store(tmp_path / "out"))])
    assert (verification.findings, verification.exit_code) == ([], 6)
    assert "config.yaml" in verification.parts[0].limits[0]


def test_a_mark_taken_out_of_a_copy_is_missed(results: Path, tmp_path: Path) -> None:
    publish(spoilt(results / "reference", tmp_path / "in").root, tmp_path / "out", None)
    copy = Bundle(tmp_path / "out")
    copy.replace("report.html", "[withheld:home-directory]", "nobody")
    assert {finding.code for finding in validate([copy.root]).findings} == {"redaction"}


@pytest.mark.parametrize("private", [True, False])
def test_a_result_among_the_outputs_of_another(results: Path, tmp_path: Path, private: bool) -> None:
    """What is withheld from the inner one changes what the outer one lists."""
    outer = Bundle.copied(results / "reference", tmp_path / "in")
    inner = Bundle.copied(results / "reference", outer.root / "recorded/task/results")
    if private:
        inner.replace("report.html", "<body>", f"<body><!-- /home/{USER}/job -->")
    media_types = {".json": "application/json", ".jsonl": "application/jsonl", ".yaml": "application/yaml"}
    for path in inner.files():
        name = path.relative_to(outer.root).as_posix()
        outer.list_file(name, "output", media_types.get(path.suffix, "text/html"))
    if not private:
        assert publish(outer.root, tmp_path / "out", None).results == 2
        assert validate([tmp_path / "out"]).findings == []
        return
    with pytest.raises(EvidenceRejected, match="results/mlcube.run_audit.json: is among the outputs of a record"):
        publish(outer.root, tmp_path / "out", None)


def test_a_changed_result_is_not_copied(results: Path, tmp_path: Path) -> None:
    bundle = Bundle.copied(results / "reference", tmp_path / "in")
    (bundle.root / "report.html").write_text("all is well")
    with pytest.raises(EvidenceRejected, match="artifact_digest"):
        publish(bundle.root, tmp_path / "out", None)
    assert not (tmp_path / "out").exists()


def test_a_name_that_cannot_change_is_refused(results: Path, tmp_path: Path) -> None:
    bundle = Bundle.copied(results / "reference", tmp_path / "in")
    bundle.claim(lambda m: m.update(result_paths=[f"home/{USER}/x /home/{USER}/y"]))
    with pytest.raises(EvidenceRejected, match="result_paths/0: home-directory"):
        publish(bundle.root, tmp_path / "out", None)


def test_places_are_kept_apart(results: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="overlaps"):
        publish(results, results / "copy", None)
    with pytest.raises(InvalidInput, match="must not lie in the copy"):
        publish(results, tmp_path / "copy", tmp_path / "copy/salts.json")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").write_text("")
    with pytest.raises(SetupFailed, match="already there"):
        publish(results, tmp_path / "taken", None)
    (tmp_path / "salts").write_text("")
    with pytest.raises(SetupFailed, match="--salts"):
        publish(results, tmp_path / "copy", tmp_path / "salts")
    with pytest.raises(InvalidInput, match="no mlcube.run_audit.json"):
        publish(tmp_path / "taken", tmp_path / "copy", None)
