"""The tasks that make no runs: `verify` recomputes everything from files, `report` draws it again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from auditcube import early_stopping, signing
from auditcube.audits.contract import REFERENCE
from auditcube.audits.performance import RUN
from auditcube.errors import EvidenceRejected, InvalidInput, SetupFailed
from auditcube.evidence.files import file_bytes, write_atomically
from auditcube.evidence.store import ATTACHMENTS, SIDECAR, Store, keep_apart
from auditcube.export import FORMATS, Format
from auditcube.export.source import Files, Measured, Source
from auditcube.manifest import build, codec, provenance, publication, surroundings, validator
from auditcube.manifest.identity import NONE
from auditcube.manifest.sealing import artifacts_of, seal
from auditcube.report import render
from auditcube.summary import summarize
from auditcube.values import Values
from auditcube.verification import check
from auditcube.verification.checked import Checked, Verification


def verify(
    directories: Sequence[Path], output_dir: Path | None, overwrite: bool, mlcube_config: Path | None,
    environ: Mapping[str, str], trust: signing.Trust | None = None,
) -> Verification:  # fmt: skip
    """Recompute everything in one directory, or in a reference and an audit that started from it.

    With `trust` every one of them must be signed by somebody whom it names. With `output_dir` the findings and a
    sidecar, whose parents are what was verified, are written there.
    """
    started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
    surroundings.identity(mlcube_config, environ)
    if output_dir is not None:
        keep_apart(output_dir, *directories)
    *before, last = map(Store, directories)
    reference = check(before[0]) if before else None
    checked = check(last, reference)
    parts = [part for part in (reference, checked) if part is not None]
    if trust is not None:
        for part in parts:
            _check_signatures(part, trust)
    verification = Verification(parts)
    if output_dir is not None:
        store = Store(output_dir)
        store.check_usable(overwrite)
        store.clear()
        write_atomically(store.verification, file_bytes(verification.to_json()))
        timing = build.Timing(started_on, provenance.utc_now(), time.monotonic_ns() - started_ns)
        before_it = verification.parts[-1].manifest.get("mlcube_config_hash", NONE)
        identity = surroundings.identity(mlcube_config, environ, before_it)
        manifest = _verification_manifest(store, verification, timing, identity, environ)
        claims = [part.manifest["claim_status"] for part in verification.parts if part.manifest]
        seal(store, manifest, claims=claims)
    return verification


def _check_signatures(part: Checked, trust: signing.Trust) -> None:
    """Who signed is told, and not kept with what is checked: `verify --output_dir` writes that for everyone to read."""
    for answer in signing.check(part.store.root, trust) if part.manifest else ():
        if answer.problem is not None:
            code, path, message = answer.problem
            part.find(code, path, message)
        else:
            part.signed.append((answer.signer, answer.key))
            part.checks.append("the sidecar is signed by somebody whose signature counts")


def sign(paths: Sequence[Path], key: Path, kind: str, overwrite: bool) -> list[Path]:
    """Sign every sidecar that the paths name; returns the files written. `kind` is `ssh` or `dsse`.

    Raises EvidenceRejected, and signs nothing, if one of them does not hold; SetupFailed for one that is signed.
    """
    found = validator.validate(list(paths), follow=False)
    sidecars = found.sidecars
    if broken := [str(finding) for finding in found.findings if finding.code != "signature"]:
        raise EvidenceRejected("\n".join(broken))
    files = [signing.target(path, kind) for path in sidecars]
    if not overwrite and (taken := next((path for path in files if path.exists()), None)):
        raise SetupFailed(f"{taken}: is already there; give --overwrite to sign anew")
    return [signing.sign(path, key, kind) for path in sidecars]


def exported_document(path: Path, to: str) -> str:
    """The one result in `path`, or a sidecar alone, in a form that is one document; raises like `export`."""
    form, files, _ = _exported(path, to, None)
    if form.into != "file":
        raise InvalidInput(f"--layout {to} writes into a folder: give --output")
    return "".join(str(content, "utf-8") for content in files.values() if isinstance(content, bytes))


def export(path: Path, to: str, output: Path, overwrite: bool, license_: str | None) -> list[Path]:
    """Write the one result in `path`, or a sidecar alone, in another form; returns the files written.

    Raises EvidenceRejected if the result does not hold, or may not be published and would go into a folder for others;
    SetupFailed if something is in the way.
    """
    form, files, root = _exported(path, to, license_)
    places = {output if form.into == "file" else output / name: content for name, content in files.items()}
    keep_apart(output, root)
    _check_free(output, form, places, overwrite)
    for place, content in places.items():
        write_atomically(place, content if isinstance(content, bytes) else (root / content).read_bytes())
    return list(places)


def _exported(path: Path, to: str, license_: str | None) -> tuple[Format, Files, Path]:
    """The form, its files, and the folder that those of the result are copied from."""
    form = FORMATS[to]
    found = validator.validate([path], follow=False)
    sidecars = found.sidecars
    if found.findings:
        raise EvidenceRejected("\n".join(map(str, found.findings)))
    if len(sidecars) > 1:
        raise InvalidInput(f"{path}: holds {len(sidecars)} results; give the directory of one")
    sidecar, root = sidecars[0], sidecars[0].parent
    manifest, data = codec.read_json(sidecar)
    if form.into != "file" and manifest["redaction_status"] not in (publication.SAFE, publication.REDACTED):
        text = "make a copy that may be published with `auditcube redact DIR --output_dir OUT`, and export that"
        raise EvidenceRejected(f"{path}: redaction_status is {manifest['redaction_status']}: {text}")
    beside = tuple(name for name in ATTACHMENTS if sidecar.name == SIDECAR and (root / name).is_file())
    measured = _measured(root) if form.measured else None
    return form, form.files(Source(manifest, data, sidecar.name, beside, license_, measured)), root


_SHARES = (50.0, 90.0, 95.0, 99.0, 99.9)


def _measured(root: Path) -> Measured:
    """What the events say of a task's performance run, once all of it is verified.

    Raises EvidenceRejected for what does not hold, InvalidInput for a result without such a run.
    """
    checked = check(Store(root))
    if checked.findings:
        raise EvidenceRejected("\n".join(map(str, checked.findings)))
    run = next((checked.runs[label] for label in (RUN, REFERENCE) if label in checked.runs), None)
    if run is None or checked.plan is None or checked.results is None:
        text = "list the audit `performance`, or export what run_reference made"
        raise InvalidInput(f"{root}: has no performance run; {text}")
    values = {"latency": run.query_latencies_ns, "ttft": run.first_token_ns, "tpot": run.per_token_ns}
    tokens = run.values(lambda part: part.tokens_out[part.ok & (part.tokens_out >= 0)])
    lengths = {"min": tokens.low, "max": tokens.high, "avg": tokens.mean} if len(tokens) else None
    scored = checked.results.files.get("audit/score_test07.json", {"runs": {}})["runs"]
    return Measured(
        run.label,
        json.loads(json.dumps(summarize(run))),
        checked.plan.effective(),
        {kind: _estimates(found, run.queries_issued) for kind, found in values.items()},
        lengths,
        {label: (told["score"], told["answers"]) for label, told in scored.items()},
    )


def _estimates(values: Values, queries: int) -> dict[str, int | None]:
    missing = queries - len(values)  # each took longer than any other
    found = {}
    for share in _SHARES:
        rank = early_stopping.rank_from_top(queries, share / 100)
        found[f"{share:g}"] = None if rank is None or rank <= missing else values.at([queries - rank])[0]
    return found


def _check_free(output: Path, form: Format, places: Iterable[Path], overwrite: bool) -> None:
    if form.into == "folder" and not output.is_dir():
        raise InvalidInput(f"{output}: no such folder; it is one that MLPerf's own tools made")
    if form.into == "new" and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise SetupFailed(f"{output}: is already there; choose a new or empty directory")
    if not overwrite and (taken := next((place for place in places if os.path.lexists(place)), None)):
        raise SetupFailed(f"{taken}: is already there; give --overwrite to replace it")


def report(directory: Path, reference_dir: Path | None, output: Path | None) -> Path:
    """Where the report of an intact output directory is; with `output`, written there anew.

    Raises EvidenceRejected if the directory is not intact: nobody should look at a picture of it. Raises InvalidInput
    if `output` is a place in it: it would not be intact any more.
    """
    if output is not None:
        keep_apart(output, *([directory] if reference_dir is None else [directory, reference_dir]))
    reference = check(Store(reference_dir)) if reference_dir is not None else None
    checked = check(Store(directory), reference)
    findings = [finding for part in (reference, checked) if part is not None for finding in part.findings]
    if findings:
        raise EvidenceRejected("\n".join(map(str, findings)))
    if checked.plan is None:
        raise InvalidInput(f"{directory}: is the output of {checked.manifest['mlcube_task']}, which has no report")
    if output is None:
        return checked.store.report
    artifacts = [entry for entry in checked.manifest["artifacts"] if entry["role"] != "report"]
    runs = {**(reference.runs if reference is not None else {}), **checked.runs}
    write_atomically(output, render({**checked.manifest, "artifacts": artifacts}, checked.plan.effective(), runs))
    return output


def _verification_manifest(
    store: Store, verification: Verification, timing: build.Timing, identity: build.Identity, environ: Mapping[str, str]
) -> dict[str, Any]:
    last = verification.parts[-1].manifest
    parents = [build.parent(part.manifest, part.data) for part in verification.parts if part.manifest]
    derived = {
        "benchmark": last.get("benchmark", provenance.UNKNOWN),
        "claim_status": last.get("claim_status", "diagnostic"),
        "non_claims": list(build.NON_CLAIMS),
        "result_paths": [store.verification.name],
        "task_status": {"state": "completed", "exit_code": int(verification.exit_code)},
        "config_hashes": last.get("config_hashes", {}),
        "verdicts": list(verification.verdicts),
    }
    return build.manifest(
        task="verify",
        run_id=provenance.new_run_id(),
        identity=identity,
        timing=timing,
        dataset_refs=last.get("dataset_refs", []),
        artifacts=artifacts_of(store),
        parents=parents,
        derived=derived,
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(environ),
        endpoint_identity=last.get("endpoint_identity"),
    )
