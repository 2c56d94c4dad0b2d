"""What follows from a record of somebody else's MLCube: the state of the task, and the members of its sidecar. Pure.

`auditcube record` writes record.json, which says what it saw around one `mlcube run`; `verify` derives the rest again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditcube.manifest import digest

TASK = "record"
OUTPUTS = "recorded"  # the folder with the copies, below it one for each task
COMPLETED, FAILED, UNKNOWN = "completed", "failed", "unknown"
_DIGESTS = ("digest", "directory_digest")


def mlcube_task(tasks: list[str]) -> str:
    """The member of this name for the tasks of one call."""
    return f"{TASK} {','.join(tasks)}"


def state(record: Mapping[str, Any]) -> tuple[str, str]:
    """How the tasks ended, and why that is said: exit code 0 alone is no evidence that anything ran.

    MLCube 0.0.9 ends with 0 where it prints its help instead of running, and passes over words that it does not know.
    """
    ended, outputs = record["ended"], record["outputs"]
    if ended["signal"] is not None:
        return FAILED, f"it was interrupted by signal {ended['signal']}"
    if ended["exit_code"]:
        return FAILED, f"mlcube ended with {ended['exit_code']}"
    absent = [_name(entry) for entry in outputs if entry["state"] == "absent"]
    if absent:
        return FAILED, f"mlcube ended with 0, and there is no output {', '.join(absent)}"
    silent = [task for task in record["tasks"] if not any(o["written"] for o in outputs if o["task"] == task)]
    if silent:
        return UNKNOWN, f"mlcube ended with 0, and no output was written that could show that {', '.join(silent)} ran"
    return COMPLETED, "mlcube ended with 0, and every task has an output that was written"


def members(record: Mapping[str, Any], effective_config: str, disclaimers: list[str]) -> dict[str, Any]:
    """The members of the sidecar that follow from a record and the sha256 of the configuration shown beside it.

    Raises LookupError, TypeError or AttributeError for what is no record.
    """
    yaml = record["mlcube"]["yaml_sha256"]
    listed = [entry["copy"] for entry in record["outputs"] if entry["copy"] is not None and entry.get("files") != 0]
    return {
        "mlcube_task": mlcube_task(record["tasks"]),
        "runner": record["runner"],
        "image": record["image"],
        "image_identity": record["image_identity"],
        "mlcube_config_hash": f"sha256:{yaml}",
        "benchmark": record["mlcube"]["name"],
        "dataset_refs": [_ref(entry) for entry in record["inputs"]],
        "result_paths": ["record.json", *listed],
        "claim_status": "diagnostic",
        "run_id": record["run_id"],
        "task_status": {"state": state(record)[0], "exit_code": record["ended"]["exit_code"]},
        "config_hashes": {"mlcube_yaml": yaml, "effective_config": effective_config},
        "parents": [],
        "verdicts": [],
        "non_claims": [*disclaimers, *_non_claims(record)],
    }


def copies(record: Mapping[str, Any], artifacts: Sequence[Mapping[str, Any]]) -> tuple[set[str], list[tuple[str, str]]]:
    """The files listed that are copies of outputs, and those copies that are not what the record says, with why.

    Raises LookupError, TypeError or AttributeError for what is no record.
    """
    listed = {entry["path"]: entry for entry in artifacts}
    found, wrong = set[str](), list[tuple[str, str]]()
    for entry in record["outputs"]:
        place = entry["copy"]
        if place is None:
            continue
        if not str(place).startswith(f"{OUTPUTS}/"):
            raise LookupError(f"a copy lies outside of {OUTPUTS}/")
        below = {path: each["digest"]["sha256"] for path, each in listed.items() if path.startswith(f"{place}/")}
        if entry["state"] == "file":
            found.add(place)
            each = listed.get(place, {})
            same = (each.get("size"), each.get("digest")) == (entry["size"], entry["digest"])
        else:
            found |= below.keys()
            names = {path.removeprefix(f"{place}/"): sha256 for path, sha256 in below.items()}
            same = {"dirHash1": digest.of_directory(names)} == entry["directory_digest"]
        if not same:
            wrong.append((place, f"is not what record.json says of the output {_name(entry)}"))
    return found, wrong


def _name(entry: Mapping[str, Any]) -> str:
    return f"{entry['parameter']} of {entry['task']}"


def _ref(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The data set reference of one input: by its parameter, with the digest of what the task could read."""
    used = entry["after"] if entry["origin"] == "task" else entry["before"]
    measured = {name: used[name] for name in (*_DIGESTS, "size") if name in used}
    return {
        "source_id": f"{entry['task']}.{entry['parameter']}",
        "kind": "input",
        "provenance": _origin(entry, used),
        "redaction_status": "not_scanned",
        **measured,
        **({} if used["state"] == "absent" else {"format": used["state"]}),
    }


def _origin(entry: Mapping[str, Any], used: Mapping[str, Any]) -> str:
    told = f"the input {_name(entry)}"
    if "problem" in used:
        return f"{told}; no digest: it {used['problem']}"
    if entry["origin"] == "task":
        return f"{told}; a task of the same call may have written it: as it was after the run"
    if used["state"] == "absent":
        return f"{told}; it was not there before the run"
    source = "; MLCube copies it from its own workspace" if entry["origin"] == "workspace" else ""
    same = "as it was before the run, and another after it" if changed(entry) else "the same before and after the run"
    return f"{told}{source}; {same}"


def changed(entry: Mapping[str, Any]) -> bool:
    """Whether an input that no task of the call was to write was not the same before and after."""
    return bool(entry["origin"] != "task" and entry["before"] != entry["after"])


def _non_claims(record: Mapping[str, Any]) -> Iterator[str]:
    """What this record in particular does not show."""
    yield "A container may read and write more than its parameters name, and nothing of that is recorded."
    told, why = state(record)
    if told != COMPLETED:
        yield f"The task is not known to have succeeded: {why}."
    if record["ended"]["killed"]:
        yield "It had to be killed: a container may have run on while the outputs were read."
    for entry in record["inputs"]:
        if changed(entry):
            yield f"The input {_name(entry)} was not the same before and after the run."
    for entry in record["outputs"]:
        if "problem" in entry:
            yield f"The output {_name(entry)} has no digest: it {entry['problem']}."
        elif entry["copy"] is None and entry["state"] != "absent":
            yield f"The output {_name(entry)} lies elsewhere, and only its digest is here."
        if not entry["written"] and entry["state"] != "absent":
            yield f"The output {_name(entry)} was there before, and no file of it was written by this run."
    if record["mlcube"]["yaml_sha256"] != record["mlcube"]["yaml_sha256_after"]:
        yield "mlcube.yaml was changed during the run; its digest is of what was there before."
    for contradiction in record["image_identity"]["contradictions"]:
        yield f"Of the image: {contradiction}."
    for name in record["ignored"]:
        yield f"On the command line stood {name}, which no task of this call has: MLCube passes over it."
