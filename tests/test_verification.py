"""The shelf of broken bundles: one for every code of a finding, each a real result with exactly one defect.

Where an attacker would make the digests right again, so does the bundle: what is left to find is what does not follow.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from auditcube import reviewing
from auditcube.errors import ExitCode, InvalidInput, SetupFailed
from auditcube.evidence import spool
from auditcube.evidence.store import Store
from auditcube.manifest.finding import FIXES
from auditcube.signing import Trust
from auditcube.verification import check
from auditcube.verification.checked import Verification
from bundles import SIDECAR, STATEMENT, Bundle, Record, dumps, sha256
from e2e.commands import called, job, sure_to_pass

REFERENCE_EVENTS, AUDIT_EVENTS = "runs/reference/events.jsonl", "runs/test04/events.jsonl"
SCHEDULE, SUMMARY, TEXT = "runs/reference/schedule.json", "runs/reference/summary.json", "audit/verify_TEST04.txt"


class Shelf(NamedTuple):
    """Untouched results to copy from: of `audit`, and of `run_reference` and `run_audit`, of `verify`."""

    audit: Path
    reference: Path
    run_audit: Path
    verify: Path


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    shelf = Shelf(folder / "audit", folder / "reference", folder / "run_audit", folder / "verify")
    with sure_to_pass() as server:
        given = ("--config", job(folder, server.url, {"load": {"warmup_queries": 3}}))
        for task, output in (("audit", shelf.audit), ("run_reference", shelf.reference)):
            assert called(task, *given, "--output_dir", output).code == 0
        pair = ("--reference_dir", shelf.reference)
        assert called("run_audit", *given, *pair, "--output_dir", shelf.run_audit).code == 0
    assert called("verify", *pair, "--audit_dir", shelf.run_audit, "--output_dir", shelf.verify).code == 0
    return shelf


ENVELOPE = "mlcube.run_audit.dsse.json"
ARMOR = "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"
Spoil = Callable[[Bundle], object]


class Defect(NamedTuple):
    """What is done to a bundle, the one code that must be found, the file that must be named, and of which result."""

    code: str
    path: str
    spoil: Spoil
    of: str = "audit"


def records(path: str, change: Callable[[list[Record]], object]) -> Spoil:
    return lambda bundle: bundle.records(path, change)


def enveloped(payload: bytes | None, **more: str) -> Spoil:
    """An envelope around these bytes, or around the statement that is there."""

    def spoil(bundle: Bundle) -> None:
        data = (bundle.root / STATEMENT).read_bytes() if payload is None else payload
        signatures = [{"keyid": "0", "sig": "AA=="}]
        body = {"payload": base64.b64encode(data).decode(), "payloadType": "application/vnd.in-toto+json"}
        (bundle.root / ENVELOPE).write_bytes(dumps({**body, "signatures": signatures, **more}))

    return spoil


def claim(change: Callable[[Record], object]) -> Spoil:
    return lambda bundle: bundle.claim(change)


def sidecar(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda bundle: bundle.sidecar.write_bytes(change(bundle.sidecar.read_bytes()))


def link(path: str) -> Spoil:
    def spoil(bundle: Bundle) -> None:
        (bundle.root / path).rename(bundle.root.parent / "elsewhere")
        (bundle.root / path).symlink_to(bundle.root.parent / "elsewhere")

    return spoil


def pipe(path: str) -> Spoil:
    def spoil(bundle: Bundle) -> None:
        (bundle.root / path).unlink()
        os.mkfifo(bundle.root / path)

    return spoil


def add(path: str, text: str = "") -> Spoil:
    def spoil(bundle: Bundle) -> None:
        (bundle.root / path).parent.mkdir(exist_ok=True)
        (bundle.root / path).write_text(text)

    return spoil


def smuggled(bundle: Bundle) -> None:
    add("audit/verify_TEST99.txt", "Performance check pass: True\n")(bundle)
    bundle.list_file("audit/verify_TEST99.txt", "audit", "text/plain")


def posing_as_a_reference(bundle: Bundle) -> None:
    """The audit's run and verdict are gone from the sidecar, but its files still say PASS."""
    bundle.unlist("runs/test04")
    bundle.claim(lambda m: m.update(mlcube_task="run_reference", verdicts=[]))
    bundle.claim(lambda m: m["run_durations_ns"].pop("test04"))
    bundle.claim(lambda m: m.update(headline=m["headline"][:1], result_paths=m["result_paths"][:1]))


def withheld_without_a_mark(manifest: Record) -> None:
    """Something is said to be withheld where nothing was."""
    entry = {"path": "report.html", "line": 1, "rule": "email", "length": 9, "commitment": {"sha256": "0" * 64}}
    manifest["redaction"]["withheld"] = [entry]
    manifest["redaction_status"] = "redacted"


def another_benchmark(bundle: Bundle) -> None:
    """A whole other config, spelt and hashed as it must be, on the same events."""
    bundle.replace("config.yaml", "benchmark: river", "benchmark: brook")
    digest = sha256(bundle.root / "config.yaml")
    bundle.claim(lambda m: m.update(benchmark="brook", config_hashes={"effective_config": digest}))


def another_config_throughout(bundle: Bundle) -> None:
    """The same, and the events say so too."""
    another_benchmark(bundle)
    digest = sha256(bundle.root / "config.yaml")
    for path in sorted((bundle.root / "runs").glob("*/events.jsonl")):
        bundle.records(path.relative_to(bundle.root).as_posix(), start(config_sha256=digest))


def moved(bundle: Bundle, hours: int) -> None:
    """All times that an audit tells, its events' too, so many hours later."""

    def later(text: str) -> str:
        return (datetime.fromisoformat(text[:-1]) + timedelta(hours=hours)).isoformat(timespec="microseconds") + "Z"

    for path in sorted((bundle.root / "runs").glob("*/events.jsonl")):
        at = path.relative_to(bundle.root).as_posix()
        bundle.records(at, lambda r: r[0]["start"].update(origin_utc=later(r[0]["start"]["origin_utc"])))
    bundle.claim(lambda m: m.update({name: later(m[name]) for name in ("started_on", "finished_on")}))
    bundle.claim(lambda m: m["provenance"].update(created_at=m["finished_on"]))


def finished_at(manifest: Record, text: str) -> None:
    manifest["finished_on"] = manifest["provenance"]["created_at"] = text


def made_public(bundle: Bundle) -> None:
    """In the config, its digest, every file of events and the sidecar: all that says it."""
    bundle.replace("config.yaml", "claim_status: diagnostic", "claim_status: public")
    digest = sha256(bundle.root / "config.yaml")
    for path in sorted((bundle.root / "runs").glob("*/events.jsonl")):
        bundle.records(path.relative_to(bundle.root).as_posix(), start(config_sha256=digest))
    bundle.claim(lambda m: m.update(claim_status="public", config_hashes={"effective_config": digest}))


def drop(at: int) -> Callable[[list[Record]], object]:
    """Leave an event out, and count right."""

    def change(mine: list[Record]) -> None:
        del mine[at]
        mine[-1]["end"]["events"] -= 1

    return change


def first(**members: Any) -> Callable[[list[Record]], object]:
    return lambda mine: mine[1].update(members)


def start(**members: Any) -> Callable[[list[Record]], object]:
    return lambda mine: mine[0]["start"].update(members)


SHELF: dict[str, Defect] = {
    "sidecar removed": Defect("sidecar_missing", SIDECAR, lambda b: b.sidecar.unlink()),
    "sidecar cut off": Defect("sidecar_malformed", SIDECAR, sidecar(lambda data: data[:-3])),
    "sidecar empty": Defect("sidecar_malformed", SIDECAR, sidecar(lambda data: b"")),
    "sidecar with a BOM": Defect("sidecar_malformed", SIDECAR, sidecar(lambda data: b"\xef\xbb\xbf" + data)),
    "sidecar with a member twice": Defect(
        "sidecar_malformed", SIDECAR, sidecar(lambda data: data.replace(b"{", b'{"runner": "docker",', 1))
    ),
    "sidecar nested absurdly": Defect("sidecar_malformed", SIDECAR, sidecar(lambda data: b"[" * 100_000)),
    "sidecar a link": Defect("sidecar_malformed", SIDECAR, link(SIDECAR)),
    "sidecar a pipe": Defect("sidecar_malformed", SIDECAR, pipe(SIDECAR)),
    "member of 367 missing": Defect("schema", SIDECAR, claim(lambda m: m.pop("claim_status"))),
    "member that verify needs missing": Defect("schema", SIDECAR, claim(lambda m: m.pop("run_id"))),
    "member unknown": Defect("schema", SIDECAR, claim(lambda m: m.update(trust="me"))),
    "file listed twice": Defect("schema", "report.html", claim(lambda m: m["artifacts"].insert(3, m["artifacts"][3]))),
    "path that leaves the directory": Defect(
        "schema", SIDECAR, claim(lambda m: m["artifacts"][0].update(path="../elsewhere"))
    ),
    "sidecar spelt otherwise": Defect("spelling", SIDECAR, sidecar(lambda data: data.replace(b"\n", b"\r\n"))),
    "digest of itself wrong": Defect("spelling", SIDECAR, sidecar(lambda data: data.replace(b'"none"', b'"podm"', 1))),
    "file removed": Defect("artifact_missing", "report.html", lambda b: (b.root / "report.html").unlink()),
    "file changed": Defect("artifact_digest", "report.html", add("report.html", "all is well")),
    "file written anew by another tool": Defect(
        "artifact_respelled",
        SCHEDULE,
        lambda b: (b.root / SCHEDULE).write_text(json.dumps(json.loads((b.root / SCHEDULE).read_text()), indent=1)),
    ),
    "digest of what a file says left out": Defect(
        "artifact_list", SIDECAR, claim(lambda m: [entry.pop("digest_jcs", None) for entry in m["artifacts"]])
    ),
    "digest of what a file says wrong": Defect(
        "artifact_digest", "audit_test04.json", claim(lambda m: m["artifacts"][0]["digest_jcs"].update(sha256="0" * 64))
    ),
    "digest of the directory wrong": Defect(
        "artifact_list", SIDECAR, lambda b: b.write_as_it_is(b.manifest | {"directory_digest": {"dirHash1": "0" * 64}})
    ),
    "exit code written with a fraction": Defect(
        "schema", SIDECAR, claim(lambda m: m["task_status"].update(exit_code=0.0))
    ),
    "integer beyond what every reader takes": Defect(
        "schema", SIDECAR, claim(lambda m: m["verdicts"][0]["numbers"].update(more=2**53))
    ),
    "file added": Defect("artifact_unlisted", "notes.txt", add("notes.txt")),
    "file hidden": Defect("artifact_unlisted", "runs/.hidden", add("runs/.hidden")),
    "file in a folder of its own": Defect("artifact_unlisted", "more/x", add("more/x")),
    "events of a worker too many": Defect(
        "artifact_unlisted", "events.1.jsonl", lambda b: os.mkfifo(b.root / "runs/reference/events.1.jsonl")
    ),
    "link added": Defect("artifact_unlisted", "more", lambda b: (b.root / "more").symlink_to("/")),
    "file a link": Defect("artifact_special", SUMMARY, link(SUMMARY)),
    "events a pipe": Defect("artifact_special", REFERENCE_EVENTS, pipe(REFERENCE_EVENTS)),
    "config a pipe": Defect("artifact_special", "config.yaml", pipe("config.yaml")),
    "report removed without a trace": Defect("artifact_list", SIDECAR, lambda b: b.unlist("report.html")),
    "verdict of no audit": Defect("artifact_list", SIDECAR, smuggled),
    "report called evidence": Defect(
        "artifact_list", SIDECAR, claim(lambda m: m["artifacts"][3].update(role="events"))
    ),
    "failure that poses as a reference": Defect("artifact_list", SIDECAR, posing_as_a_reference),
    "config edited": Defect("config", "config.yaml", lambda b: b.replace("config.yaml", "# The", "# An")),
    "config no config": Defect("config", "config.yaml", lambda b: b.replace("config.yaml", "scenario", "screenplay")),
    "config for an unknown API": Defect(
        "config", "config.yaml", lambda b: b.replace("config.yaml", "videogen", "gopher")
    ),
    "config hash of another": Defect(
        "config_hash", SIDECAR, claim(lambda m: m["config_hashes"].update(effective_config="0" * 64))
    ),
    "schedule edited": Defect("schedule", SCHEDULE, lambda b: b.edit(SCHEDULE, lambda s: s["spec"].update(queries=7))),
    "events of another schedule": Defect(
        "schedule", "runs/reference", records(REFERENCE_EVENTS, start(schedule_sha256="0" * 64))
    ),
    "event edited": Defect("events", "runs/reference", records(REFERENCE_EVENTS, first(sample=47))),
    "event left out": Defect("events", "runs/reference", records(REFERENCE_EVENTS, drop(4))),
    "event twice": Defect("events", "runs/test04", records(AUDIT_EVENTS, lambda r: r.insert(3, r[3]))),
    "event of no query": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(ordinal=-1))),
    "event of an absurd query": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(ordinal=2**62))),
    "event before its time": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(issued_ns=-1))),
    "event that ends before it begins": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(done_ns=0))),
    "event with a number too large": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(done_ns=2**63))),
    "event with a number that is text": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(done_ns="1"))),
    "event of an unknown status": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(status="fine"))),
    "event with a member too many": Defect("events", "runs/test04", records(AUDIT_EVENTS, first(note="x"))),
    "event no object": Defect("events", "runs/test04", lambda b: b.replace(AUDIT_EVENTS, "\n", "\n[]\n")),
    "salt exchanged": Defect("events", "runs/warmup", records("runs/warmup/events.jsonl", first(salt="0"))),
    "end that counts wrong": Defect(
        "events", "runs/test04", records(AUDIT_EVENTS, lambda r: r[-1]["end"].update(events=3))
    ),
    "start of another worker": Defect("events", "runs/test04", records(AUDIT_EVENTS, start(worker=1))),
    "schedule no JSON": Defect("schedule", "runs/reference/schedule.json", lambda b: b.replace(SCHEDULE, "{", "{{")),
    "warm-up removed without a trace": Defect("run_set", "runs/warmup", lambda b: b.unlist("runs/warmup")),
    "run of another task": Defect("run_id", "runs/test04", records(AUDIT_EVENTS, start(run_id="0" * 36))),
    "run called by another name": Defect("run_id", "runs/test04", records(AUDIT_EVENTS, start(label="reference"))),
    "run before its task": Defect(
        "time_order", "runs/test04", records(AUDIT_EVENTS, start(origin_utc="2001-01-01T00:00:00.000000Z"))
    ),
    "run at no time": Defect("time_order", "runs/test04", records(AUDIT_EVENTS, start(origin_utc="noon"))),
    "run in no zone": Defect(
        "time_order", "runs/test04", records(AUDIT_EVENTS, start(origin_utc="2026-11-22T00:00:00.000000"))
    ),
    "summary edited": Defect("summary", SUMMARY, lambda b: b.edit(SUMMARY, lambda s: s.update(duration_s=1.0))),
    "verdict text edited": Defect("audit_file", TEXT, lambda b: b.replace(TEXT, "True", "False")),
    "verdict edited": Defect("derived", SIDECAR, claim(lambda m: m["verdicts"][0].update(outcome="FAIL"))),
    "number that Python takes for the same": Defect(
        "derived", SIDECAR, claim(lambda m: m["verdicts"][0]["numbers"].update(reference_queries=True))
    ),
    "verdict removed": Defect("derived", SIDECAR, claim(lambda m: m.update(verdicts=[]))),
    "headline edited": Defect("derived", SIDECAR, claim(lambda m: m["headline"][0].update(value="1000.0"))),
    "exit code edited": Defect("derived", SIDECAR, claim(lambda m: m["task_status"].update(exit_code=1))),
    "seed edited": Defect("derived", SIDECAR, claim(lambda m: m["seeds"].update(order="7"))),
    "more rows than the config asks for": Defect(
        "derived", SIDECAR, claim(lambda m: m["dataset_refs"][0].update(rows=1000))
    ),
    "declared safe with a home directory in a file": Defect(
        "redaction", SIDECAR, lambda b: b.replace("report.html", "<body>", "<body><!-- /home/erika/job -->")
    ),
    "declared redacted with nothing withheld": Defect(
        "redaction", SIDECAR, claim(lambda m: m.update(redaction_status="redacted"))
    ),
    "declared unfit without a reason": Defect(
        "redaction", SIDECAR, claim(lambda m: m.update(redaction_status="contains_findings"))
    ),
    "findings of a scan left out": Defect(
        "redaction", SIDECAR, claim(lambda m: m["redaction"]["findings"].update(jwt=1))
    ),
    "data set declared redacted": Defect(
        "redaction", SIDECAR, claim(lambda m: m["dataset_refs"][0].update(redaction_status="redacted"))
    ),
    "withheld without a mark": Defect("redaction", SIDECAR, claim(withheld_without_a_mark)),
    "disclaimer removed": Defect("derived", SIDECAR, claim(lambda m: m["non_claims"].pop())),
    "audit without its reference": Defect("parent_missing", SIDECAR, lambda b: None, "run_audit alone"),
    "audit that names no reference": Defect(
        "parent_missing", SIDECAR, claim(lambda m: m.update(parents=[])), "run_audit alone"
    ),
    "audit of another reference": Defect(
        "parent_digest", SIDECAR, claim(lambda m: m["parents"][0].update(manifest_sha256="0" * 64)), "run_audit"
    ),
    "audit with a reference of its own, and another": Defect(
        "parent_digest", SIDECAR, lambda b: None, "audit of a pair"
    ),
    "audit with another config": Defect("chain_config", SIDECAR, another_config_throughout, "run_audit"),
    "audit of another data set": Defect(
        "chain_dataset", SIDECAR, claim(lambda m: m["dataset_refs"][0]["digest"].update(sha256="0" * 64)), "run_audit"
    ),
    "audit of another endpoint": Defect(
        "chain_endpoint", SIDECAR, claim(lambda m: m["endpoint_identity"].update(sha256="0" * 64)), "run_audit"
    ),
    "audit of an endpoint under another salt": Defect(
        "chain_endpoint", SIDECAR, claim(lambda m: m["endpoint_identity"].update(salt="0" * 32)), "run_audit"
    ),
    "audit in another image": Defect(
        "chain_image", SIDECAR, claim(lambda m: m.update(runner="docker", image="localhost/other:1")), "run_audit"
    ),
    "audit a day later": Defect("time_gap", SIDECAR, lambda b: moved(b, 30), "run_audit"),
    "audit before its reference": Defect("time_order", SIDECAR, lambda b: moved(b, -1), "run_audit"),
    "audit of two references": Defect(
        "parent_missing", SIDECAR, claim(lambda m: m["parents"].append(m["parents"][0])), "run_audit"
    ),
    "audit of another task than it says": Defect(
        "parent_digest", SIDECAR, claim(lambda m: m["parents"][0].update(task="audit")), "run_audit"
    ),
    "longer than it lasted": Defect("time_order", SIDECAR, claim(lambda m: m.update(monotonic_duration_ns=10**12))),
    "end that is no time": Defect(
        "time_order", SIDECAR, claim(lambda m: finished_at(m, "2026-13-01T00:00:00.000000Z")), "verify"
    ),
    "diagnostic made internal": Defect("claim", SIDECAR, claim(lambda m: m.update(claim_status="internal"))),
    "diagnostic made public": Defect("claim", SIDECAR, made_public),
    "config exchanged": Defect("config_hash", "runs/test04", another_benchmark),
    "more endpoints than the config has": Defect(
        "derived", SIDECAR, claim(lambda m: m["endpoint_identity"].update(endpoints=2))
    ),
    "endpoint not named": Defect("schema", SIDECAR, claim(lambda m: m.pop("endpoint_identity"))),
    "statement edited": Defect("statement", STATEMENT, lambda b: (b.root / STATEMENT).write_text("{}"), "audit"),
    "statement removed": Defect("statement", STATEMENT, lambda b: (b.root / STATEMENT).unlink()),
    "statement a link": Defect("statement", STATEMENT, link(STATEMENT)),
    "signature with a remark": Defect(
        "signature", f"{SIDECAR}.sig", lambda b: (b.root / f"{SIDECAR}.sig").write_text(f"/home/erika\n{ARMOR}")
    ),
    "envelope around something else": Defect("signature", ENVELOPE, enveloped(b"{}")),
    "envelope with a remark": Defect("signature", ENVELOPE, enveloped(None, remark="/home/erika")),
    "envelope of nothing": Defect("signature", ENVELOPE, lambda b: (b.root / ENVELOPE).write_text("[]")),
    "not signed": Defect("signature_missing", f"{SIDECAR}.sig", lambda b: None, "audit to be signed"),
    "verification without its file": Defect("artifact_list", SIDECAR, smuggled, "verify"),
    "verification edited": Defect(
        "derived", SIDECAR, lambda b: b.edit("verification.json", lambda v: v.update(verdicts=[])), "verify"
    ),
    "verification no verification": Defect(
        "derived", "verification.json", lambda b: b.edit("verification.json", lambda v: v.pop("verdicts")), "verify"
    ),
}


def found(shelf: Shelf, folder: Path, defect: Defect) -> Verification:
    """What `verify` says of the bundle with this defect."""
    sources = {
        "audit": shelf.audit,
        "audit to be signed": shelf.audit,
        "audit of a pair": shelf.audit,
        "verify": shelf.verify,
    }
    bundle = Bundle.copied(sources.get(defect.of, shelf.run_audit), folder / "bundle")
    defect.spoil(bundle)
    if defect.of == "audit to be signed":
        allowed = folder / "allowed"
        allowed.write_text("")
        return reviewing.verify([bundle.root], None, False, None, {}, Trust(allowed))
    reference = check(Store(shelf.reference)) if defect.of in ("run_audit", "audit of a pair") else None
    checked = check(Store(bundle.root), reference)
    return Verification([checked] if reference is None else [reference, checked])


@pytest.mark.parametrize("name", SHELF)
def test_a_broken_bundle_is_found(shelf: Shelf, tmp_path: Path, name: str) -> None:
    defect = SHELF[name]
    verification = found(shelf, tmp_path, defect)
    assert {finding.code for finding in verification.findings} == {defect.code}, verification.findings
    assert any(defect.path in finding.path for finding in verification.findings), verification.findings
    assert verification.exit_code == 5
    assert verification.verdicts == ()
    for finding in verification.findings:
        assert finding.message
        assert finding.to_json()["fix"] == FIXES[defect.code]


def test_every_code_has_a_broken_bundle() -> None:
    assert set(FIXES) - {defect.code for defect in SHELF.values()} == set()


def test_untouched_results_hold(shelf: Shelf) -> None:
    for path in (shelf.audit, shelf.reference, shelf.verify):
        checked = check(Store(path))
        assert (checked.findings, Verification([checked]).exit_code) == ([], 0)
        assert len(checked.checks) >= 2
    reference = check(Store(shelf.reference))
    checked = check(Store(shelf.run_audit), reference)
    assert checked.findings == []
    told = json.loads((shelf.run_audit / SIDECAR).read_text())
    assert list(Verification([reference, checked]).verdicts) == told["verdicts"]


def test_a_whole_other_result_is_none_of_this_task(shelf: Shelf, tmp_path: Path) -> None:
    """A failed audit that calls itself the output of `verify`, which claims no verdict, is not believed."""
    bundle = Bundle.copied(shelf.audit, tmp_path / "bundle")
    bundle.claim(lambda m: m.update(mlcube_task="verify"))
    assert Verification([check(Store(bundle.root))]).exit_code == 5


def test_faster_answers_need_more_than_faster_events(shelf: Shelf, tmp_path: Path) -> None:
    """Whoever edits the events must edit every number that follows from them."""
    bundle = Bundle.copied(shelf.audit, tmp_path / "bundle")

    def faster(mine: list[Record]) -> None:
        for event in mine[1:-1]:
            event["done_ns"] = event["issued_ns"] + (event["done_ns"] - event["issued_ns"]) // 2

    bundle.records(REFERENCE_EVENTS, faster)
    codes = {finding.code for finding in check(Store(bundle.root)).findings}
    assert codes == {"summary", "audit_file", "derived"}


def test_a_forger_who_makes_everything_follow_is_not_found(shelf: Shelf, tmp_path: Path) -> None:
    """The documented limit: nothing is signed. The report alone is not computed again."""
    bundle = Bundle.copied(shelf.audit, tmp_path / "bundle")
    add("report.html", "<!doctype html>")(bundle)
    bundle.seal()
    assert check(Store(bundle.root)).findings == []


def test_a_folder_is_not_exchanged_for_a_link(shelf: Shelf, tmp_path: Path) -> None:
    bundle = Bundle.copied(shelf.audit, tmp_path / "bundle")
    link("runs/reference")(bundle)
    codes = {finding.code for finding in check(Store(bundle.root)).findings}
    assert codes == {"artifact_special", "artifact_unlisted"}


def test_findings_are_collected(shelf: Shelf, tmp_path: Path) -> None:
    bundle = Bundle.copied(shelf.audit, tmp_path / "bundle")
    (bundle.root / "notes").write_text("")
    bundle.replace(TEXT, "True", "False")
    (bundle.root / SUMMARY).write_bytes(dumps({}))
    codes = [finding.code for finding in check(Store(bundle.root)).findings]
    assert sorted(codes) == ["artifact_digest", "artifact_unlisted", "audit_file", "summary"]


def test_no_directory_is_invalid_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such directory"):
        check(Store(tmp_path / "nowhere"))


def test_a_disk_without_room_is_no_finding(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says nothing about the evidence: verification cannot go on, and must not come to a verdict."""
    monkeypatch.setattr(spool, "_HELD", 3)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(SetupFailed, match="name a folder with room in TMPDIR"):
        check(Store(shelf.audit))
    done = called("verify", shelf.audit)
    assert done.code == ExitCode.SETUP_FAILED
    assert "TMPDIR" in done.err
