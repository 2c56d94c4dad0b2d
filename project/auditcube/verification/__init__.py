"""Re-enter at the events: recompute from files alone everything that an output directory claims.

Each check adds findings and goes on as far as it can; nothing is believed because the sidecar says so. The same
functions that made the files make them again here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from auditcube.config import DatasetConfig, load_config
from auditcube.errors import EvidenceRejected, ExitCode, InvalidInput
from auditcube.evidence.files import file_bytes
from auditcube.evidence.store import SIDECAR, Store
from auditcube.job import Plan, described, make_plan
from auditcube.manifest import (
    build,
    canonical,
    claim,
    codec,
    endpoint,
    publication,
    recorded,
    rules,
    statement,
    validator,
)
from auditcube.manifest.claim import RANK
from auditcube.results import derive, members
from auditcube.scoring import rescored
from auditcube.verification.checked import Checked
from auditcube.verification.pair import check_parents
from auditcube.verification.runs import check_complete, check_run, made

_FULL = (
    *("run_id", "task_status", "started_on", "finished_on", "monotonic_duration_ns", "config_hashes", "artifacts"),
    *("directory_digest", "environment", "parents", "verdicts", "non_claims", "manifest_digest"),
)
_MAX_CONFIG = 1 << 24
_MARK = re.compile(rb"\[withheld:[a-z0-9-]+\]")
_ASKING = {"audit", "run_reference", "run_audit"}
_JUDGED = {"audit", "run_audit"}


def check(store: Store, reference: Checked | None = None) -> Checked:
    """Check one directory; `reference` is the directory it started from, checked before.

    Raises InvalidInput if there is no such directory.
    """
    if not store.root.is_dir():
        raise InvalidInput(f"{store.root}: no such directory")
    checked = Checked(store)
    if not _sidecar(checked):
        return checked
    if checked.manifest["mlcube_task"].startswith("mlperf "):
        _logs(checked)
        return checked
    if checked.manifest["mlcube_task"].startswith(f"{recorded.TASK} "):
        _record(checked)
        return checked
    if (told := _TELLING.get(checked.manifest["mlcube_task"])) is not None:
        told(checked)
        return checked
    if not _plan(checked):
        return checked
    assert checked.plan is not None
    for spec in checked.plan.runs:
        check_run(checked, checked.plan, spec)
    check_parents(checked, reference)
    check_complete(checked, checked.plan)
    unread = [spec for spec in checked.plan.runs if spec.label not in checked.runs and made(checked, spec)]
    if not unread and not any(f.code in ("events", "parent_missing", "artifact_missing") for f in checked.findings):
        _derived(checked, checked.plan, reference)
    return checked


def _sidecar(checked: Checked) -> bool:
    """Read the sidecar; whether the rest can be checked."""
    sidecar = validator.read_sidecar(checked.store.sidecar)
    checked.data = sidecar.data
    checked.findings += sidecar.findings
    asks = sidecar.manifest.get("mlcube_task") in _ASKING
    for name in (*_FULL, *(("endpoint_identity",) if asks else ())) if sidecar.manifest else ():
        if name not in sidecar.manifest:
            checked.find("schema", SIDECAR, f"{name} is missing; without it nothing can be recomputed")
    if checked.findings:
        return False
    checked.manifest = sidecar.manifest
    _frame(checked)
    checked.checks.append("the sidecar follows its schema and its own digest")
    found = validator.file_findings(sidecar)
    checked.findings += found
    if not found:
        count = len(checked.manifest["artifacts"])
        checked.checks.append(f"{count} files have the digests listed, and no other file is there")
        _publication(checked, sidecar)
    checked.findings += validator.statement_findings(sidecar)
    # No link, pipe or device is read, by whichever name it got there.
    return not any(f.code == "artifact_special" for f in found) and not rules.irregular(checked.store.files())


def _frame(checked: Checked) -> None:
    """What every sidecar of ours has in common, whatever the task: its members follow from each other."""
    manifest = checked.manifest
    told = manifest["provenance"]
    tool = told.get("tool", {})
    if told["created_at"] != manifest["finished_on"]:
        checked.find_unless_withheld("derived", SIDECAR, "is not when the task finished", "/provenance/created_at")
    if (tool.get("name"), tool.get("commit")) != ("auditcube", told["commit"]):
        checked.find_unless_withheld("derived", SIDECAR, "is not the tool that writes such a file", "/provenance/tool")
    paths = [entry["path"] for entry in manifest["artifacts"]]
    if paths != sorted(paths):
        checked.find("artifact_list", SIDECAR, "is not in the order of its paths", "/artifacts")
    if manifest["redaction_status"] != publication.NOT_SCANNED and "redaction" not in manifest:
        checked.find("redaction", SIDECAR, "was scanned, and does not say by which rules", "/redaction")


def _publication(checked: Checked, sidecar: validator.Sidecar) -> None:
    """What the sidecar claims of secrets and private data follows from a scan."""
    found = validator.publication_findings(sidecar)
    checked.findings += found
    if not found and (status := sidecar.manifest["redaction_status"]) != publication.NOT_SCANNED:
        checked.checks.append(f"a scan of the sidecar and of every file comes to {status}")


def _verification(checked: Checked) -> None:
    """Check the output of `verify`: one file, and a sidecar that says the same."""
    name = checked.store.verification.name
    try:
        told, _ = codec.read_json(checked.store.verification)
        status = {"state": "completed", "exit_code": told["exit_code"]}
        expected = {"result_paths": [name], "task_status": status, "verdicts": told["verdicts"]}
        verified = [run_id for run_id in told["verified"] if run_id is not None]
    except (EvidenceRejected, LookupError, TypeError) as problem:
        checked.find("derived", name, f"is no output of verify: {problem}")
        return
    _members(checked, {**expected, "non_claims": list(build.NON_CLAIMS)})
    if [entry.get("run_id") for entry in checked.manifest["parents"]] != verified:
        checked.find("derived", SIDECAR, f"are not the tasks that {name} verified", "/parents")
    _listed(checked, {name})
    checked.checks.append("its parents are elsewhere: `manifest validate` or `review` of the whole tree follows them")


def _review(checked: Checked) -> None:
    """Check the output of `review`: one statement, and a sidecar that names what it judges."""
    name = checked.store.review.name
    try:
        told, _ = codec.read_json(checked.store.review)
    except EvidenceRejected as problem:
        checked.find("derived", name, f"is no statement: {problem}")
        return
    if (wrong := statement.problem(told, checked.manifest["parents"])) is not None:
        checked.find("derived", name, wrong)
        return
    _members(checked, {"result_paths": [name], "non_claims": list(build.NON_CLAIMS), **statement.members(told)})
    _listed(checked, {name})
    checked.checks.append(f"the statement is about {len(told['subject'])} sidecars; `review` judges them anew")


def _record(checked: Checked) -> None:
    """Check the output of `record`: the sidecar follows from record.json, and the copies are what that says."""
    name = checked.store.record.name
    try:
        told, _ = codec.read_json(checked.store.record)
        config = {entry["path"]: entry for entry in checked.manifest["artifacts"]}[checked.store.config.name]
        expected = recorded.members(told, config["digest"]["sha256"], list(build.NON_CLAIMS))
        copied, wrong = recorded.copies(told, checked.manifest["artifacts"])
        checked.ended = _ENDED[recorded.state(told)[0]]
    except (EvidenceRejected, LookupError, TypeError, AttributeError) as problem:
        checked.find("derived", name, f"is no record: {problem}")
        return
    refs = [build.without_status(ref) for ref in expected.pop("dataset_refs")]
    if not canonical.same([build.without_status(ref) for ref in checked.manifest["dataset_refs"]], refs):
        checked.find_unless_withheld("derived", SIDECAR, "does not follow from record.json", "/dataset_refs")
    _members(checked, {**expected, **dict.fromkeys(_NEVER_RECORDED)})
    for place, message in wrong:
        if any(entry["path"] == place or entry["path"].startswith(f"{place}/") for entry in checked.withholdings):
            checked.limits.append(f"{place}: parts are withheld, and what is left {message}")
        else:
            checked.find("derived", place, message)
    _listed(checked, {name, checked.store.config.name, *copied})
    checked.checks.append(f"{len(copied)} files are the outputs that record.json tells of; the sidecar follows from it")
    checked.checks.append("the MLCube, its image and its inputs are elsewhere: `sha256sum` of them tells their digests")


_NEVER_RECORDED = ("seeds", "headline", "run_durations_ns", "endpoint_identity")
_ENDED = {
    recorded.COMPLETED: ExitCode.PASS,
    recorded.FAILED: ExitCode.RUN_BROKEN,
    recorded.UNKNOWN: ExitCode.INCONCLUSIVE,
}
_TELLING = {"verify": _verification, "review": _review}


def _logs(checked: Checked) -> None:
    """Check the output of `mlperf`: the verdict and its file say the same. The logs of the reference are not here."""
    test_id = checked.manifest["mlcube_task"].removeprefix("mlperf ").lower()
    name = f"audit_{test_id}.json"
    try:
        told, _ = codec.read_json(checked.store.root / name)
        expected = {"verdicts": [told["verdict"]]}
    except (EvidenceRejected, LookupError, TypeError) as problem:
        checked.find("derived", name, f"is no output of mlperf: {problem}")
        return
    _members(checked, expected)
    checked.checks.append("the verdict is that of its file; to judge anew, give the logs to `auditcube mlperf`")


def _plan(checked: Checked) -> bool:
    """Make the plan again from config.yaml."""
    manifest = checked.manifest
    try:
        if checked.store.config.stat().st_size > _MAX_CONFIG:
            raise InvalidInput(f"it is larger than {_MAX_CONFIG} bytes")
        written = checked.store.config.read_bytes()
        readable = _MARK.sub(b"withheld", written) if checked.withheld("config.yaml") else written
        config, document = load_config(checked.store.config, None, readable)
        size = manifest["dataset_refs"][0]["samples"]
        plan = make_plan(config, document, size)
        effective = plan.effective_yaml()
    except (InvalidInput, LookupError, OSError) as problem:
        text = problem.strerror if isinstance(problem, OSError) else problem
        checked.find_unless_withheld("config", "config.yaml", f"no plan follows from it: {text}")
        return False
    checked.plan = plan
    if list(map(build.without_status, manifest["dataset_refs"])) != [
        _expected_ref(config.dataset, manifest["dataset_refs"][0])
    ]:
        checked.find_unless_withheld("derived", SIDECAR, "does not follow from config.yaml", "/dataset_refs")
    if effective != readable:
        text = "is not the effective configuration as auditcube writes it"
        checked.find_unless_withheld("config", "config.yaml", text)
    return True


def _expected_ref(config: DatasetConfig, told: Mapping[str, Any]) -> dict[str, Any] | None:
    """The reference to the data set as the task wrote it; what it measured of the file cannot be measured again."""
    if any(name not in told for name in build.MEASURED) or told["samples"] != (config.samples or told["rows"]):
        return None
    return build.without_status(build.dataset_ref(config.id, config.provenance, described(config), told))


def _derived(checked: Checked, plan: Plan, reference: Checked | None) -> None:
    """Compute summaries, verdicts and the sidecar's own members again, and compare them whole."""
    own = list(checked.runs)
    runs = {**(reference.runs if reference is not None else {}), **checked.runs}
    judged = checked.manifest["mlcube_task"] in _JUDGED
    if judged:
        try:
            runs = rescored(plan, runs, checked.store.root)
        except EvidenceRejected as problem:
            name, _, text = str(problem).partition(": ")
            checked.find_unless_withheld("audit_file", name, text)
            return
    checked.results = results = derive(plan, runs, own, judged)
    for name, content in results.files.items():
        if _read(checked.store.root / name) != file_bytes(content):
            code = "summary" if name.endswith("summary.json") else "audit_file"
            checked.find_unless_withheld(code, name, "does not follow from the events")
    expected = members(plan, results, checked.manifest["mlcube_config_hash"])
    expected["claim_status"] = _claim(checked, plan, reference)
    _members(checked, expected)
    _endpoint(checked, plan)
    answers = {checked.store.expected.name} if plan.config.dataset.expected else set()
    fixed = {checked.store.config.name, checked.store.report.name, *answers}
    _listed(checked, {*fixed, *results.files, *_run_files(checked)})
    checked.checks.append(f"{len(own)} summaries and {len(results.verdicts)} verdicts follow from the events")


def _members(checked: Checked, expected: Mapping[str, Any]) -> None:
    """Compare members of the sidecar whole."""
    for member, value in json.loads(json.dumps(expected)).items():
        if not canonical.same(checked.manifest.get(member), value):
            if member == "config_hashes" and checked.withheld("config.yaml"):
                checked.limits.append("/config_hashes: they are of the original, in config.yaml parts are withheld")
                continue
            code = "config_hash" if member == "config_hashes" else "derived"
            checked.find_unless_withheld(code, SIDECAR, "does not follow from the files", f"/{member}")


def _claim(checked: Checked, plan: Plan, reference: Checked | None) -> str:
    """The status that the config's wish comes to; a copy, which may be fit for more, keeps its original's."""
    told: str = checked.manifest["claim_status"]
    claims = [] if reference is None or not reference.manifest else [reference.manifest["claim_status"]]
    most = claim.granted(plan.config.claim_status, checked.manifest, claims)
    if RANK[told] > RANK[most]:
        checked.find("claim", SIDECAR, f"claims {told}, and the evidence bears no more than {most}", "/claim_status")
        return told
    return told if "original" in checked.manifest.get("redaction", {}) else most


def _endpoint(checked: Checked, plan: Plan) -> None:
    """Which endpoint was asked follows from the config where that tells its URLs; if not, only how many it had."""
    asked, told = plan.config.endpoint, checked.manifest["endpoint_identity"]
    expected = endpoint.identity(asked.urls, asked.path, told["salt"], asked.publish_url)
    if not asked.publish_url:
        expected["sha256"] = told["sha256"]
    if checked.withheld("config.yaml"):
        checked.limits.append("/endpoint_identity: it is of the original, in config.yaml parts are withheld")
    elif not canonical.same(told, expected):
        checked.find_unless_withheld("derived", SIDECAR, "does not follow from config.yaml", "/endpoint_identity")


def _run_files(checked: Checked) -> list[str]:
    """What a run leaves beside its summary, relative to the output directory."""
    found: list[Path] = []
    timed = checked.plan is not None and checked.plan.config.endpoint.chunk_times
    for label, run in checked.runs.items():
        files = checked.store.run(label)
        found += [files.schedule, *files.events, *(files.outputs if run.spec.capture else [])]
        found += files.chunks if timed else []
        found += files.media if run.spec.media else []
    return [path.relative_to(checked.store.root).as_posix() for path in found]


def _listed(checked: Checked, written: Set[str]) -> None:
    """The sidecar lists what its task writes, each file as what it is, and nothing else."""
    listed = {entry["path"]: entry for entry in checked.manifest["artifacts"]}
    for path in sorted(listed.keys() ^ written):
        told = "lists a file that its task does not write" if path in listed else "does not list a file of its task"
        checked.find("artifact_list", SIDECAR, f"{told}: {path}", "/artifacts")
    for path in sorted(listed.keys() & written):
        entry = listed[path]
        said = entry.get("digest_jcs", {"sha256": ""})["sha256"] if path.endswith(".json") else None
        if entry != build.artifact(path, entry["size"], entry["digest"]["sha256"], said):
            checked.find("artifact_list", SIDECAR, f"describes {path} as something that it is not", "/artifacts")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
