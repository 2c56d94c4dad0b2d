"""`auditcube record`: any MLCube run by the real `mlcube run`, as it was given, and a sidecar for what came of it.

MLCube itself is asked for the configuration; inputs, image and mlcube.yaml are looked at before and after; the outputs
are copied beside the sidecar. Nothing is written to the MLCube or its workspace, and the exit code is mlcube's.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.errors import AuditCubeError, InvalidInput, SetupFailed
from auditcube.evidence.files import file_bytes, write_atomically
from auditcube.evidence.store import Store, keep_apart
from auditcube.manifest import build, identity, provenance, recorded
from auditcube.manifest.identity import Told
from auditcube.manifest.sealing import artifacts_of, seal
from auditcube.recording import asking, child, container, inventory
from auditcube.recording.child import Ended
from auditcube.recording.command import Command, ignored, parse
from auditcube.recording.effective import Effective, Parameter, effective
from auditcube.recording.shown import shown
from auditcube.redaction import Scrubber

_SECRET = re.compile("KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
_LEAST_SECRET = 8  # characters; a shorter value is no secret, and could be a part of any word
_MAX_ARTIFACTS = 90_000  # of the 100,000 that a sidecar lists
_MAX_SCANNED_BYTES = 1 << 28  # of copies; `auditcube redact --scan` looks at more


@dataclass(frozen=True)
class Options:
    """What the command line says. `copies`: whether the outputs are copied, and not only told by their digests."""

    argv: Sequence[str]
    output_dir: Path
    overwrite: bool = False
    copies: bool = True


@dataclass(frozen=True)
class Recorded:
    """A run that was made: how it ended, and its sidecar, or the `problem` because of which there is none."""

    ended: Ended
    store: Store
    manifest: Mapping[str, Any]
    why: str
    problem: AuditCubeError | None = None

    @property
    def exit_code(self) -> int:
        """That of mlcube; where it says 0 and was interrupted, or has no sidecar, one that says so."""
        if self.ended.exit_code:
            return self.ended.exit_code
        if self.problem is not None:
            return int(self.problem.exit_code)
        return 128 + self.ended.signum if self.ended.signum is not None else 0

    def to_json(self) -> dict[str, Any]:
        status = self.manifest.get("task_status", {})
        return {
            "exit_code": self.exit_code,
            "state": status.get("state"),
            "why": self.why,
            "output_dir": str(self.store.root),
            "manifest": str(self.store.sidecar) if self.problem is None else None,
        }


@dataclass(frozen=True)
class _Before:
    """What there was before the run; `inputs` with where each comes from: given, task, or workspace."""

    yaml: str
    image: Told | None
    inputs: Sequence[tuple[Parameter, str, dict[str, Any]]]
    outputs: Sequence[tuple[Parameter, dict[str, inventory.Stamp]]]


def record(options: Options, environ: Mapping[str, str]) -> Recorded:
    """Run the command and write its sidecar to the output directory.

    Raises InvalidInput for a command, an MLCube or a task that is none, SetupFailed if there is no such program or the
    directory cannot be used; then nothing was run.
    """
    command = parse(options.argv)
    file = asking.mlcube_file(command)
    if (yaml := _sha256(file)) is None:
        raise InvalidInput(f"{file}: cannot be read")
    config = effective(asking.ask(command), command)
    asking.check_engine(config.engine, command.mlcube)
    keep_apart(options.output_dir, *(parameter.path for parameter in config.parameters))
    store = Store(options.output_dir)
    store.check_usable(options.overwrite)
    store.clear()
    before = _Before(yaml, container.look(config), _inputs(config), _outputs(config))
    sys.stdout.flush()
    started_on, started_ns = provenance.utc_now(), time.monotonic_ns()
    ended = child.run(command.argv)
    timing = build.Timing(started_on, provenance.utc_now(), time.monotonic_ns() - started_ns)
    try:
        told = _told(command, config, before, ended, file, _copied(before.outputs, store, options.copies))
        manifest, why = _write(store, Scrubber(_secrets(environ)), told, config, timing, environ)
    except AuditCubeError as problem:
        with contextlib.suppress(SetupFailed):
            store.clear()
        return Recorded(ended, store, {}, "no sidecar was written", problem)
    return Recorded(ended, store, manifest, why)


def _sha256(file: Path) -> str | None:
    """The digest of mlcube.yaml; None where it cannot be read."""
    found = inventory.look_at(file).files
    return next((sha256 for _, sha256 in found.values()), None)


def _inputs(config: Effective) -> list[tuple[Parameter, str, dict[str, Any]]]:
    """Every input, where its content comes from, and what is there now."""
    found = []
    for parameter in config.of("input"):
        origin, path = _origin(parameter, config)
        found.append((parameter, origin, inventory.look_at(path).to_json()))
    return found


def _origin(parameter: Parameter, config: Effective) -> tuple[str, Path]:
    """Where an input's content comes from, and the path at which it lies before the run.

    Into another workspace than its own, MLCube copies an input that is missing there, unless a task writes it.
    """
    earlier = config.tasks[: config.tasks.index(parameter.task)]
    outputs = config.of("output")
    if any(_overlap(parameter.path, output.path) for output in outputs if output.task in earlier):
        return "task", parameter.path
    source = config.root / "workspace" / parameter.told
    is_output = any(output.path == parameter.path for output in outputs)
    if not is_output and not Path(parameter.told).is_absolute() and not parameter.path.exists() and source.exists():
        return "workspace", source
    return "given", parameter.path


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _outputs(config: Effective) -> list[tuple[Parameter, dict[str, inventory.Stamp]]]:
    return [(parameter, inventory.stamps(parameter.path)) for parameter in config.of("output")]


def _copied(
    outputs: Sequence[tuple[Parameter, dict[str, inventory.Stamp]]], store: Store, copies: bool
) -> list[dict[str, Any]]:
    """What the record says of each output; with `copies`, a copy of it is beside the sidecar."""
    told, room = [], _MAX_ARTIFACTS
    for parameter, before in outputs:
        after = inventory.stamps(parameter.path)
        place = f"{recorded.OUTPUTS}/{parameter.task}/{parameter.name}"
        if parameter.path.is_file() and re.fullmatch(r"\.[A-Za-z0-9]{1,16}", parameter.path.suffix):
            place += parameter.path.suffix
        if copies and len(after) <= room:
            found = inventory.copy(parameter.path, store.root, place)
            room -= len(found.files)
        else:
            found = inventory.look_at(parameter.path)
        here = copies and len(after) <= room and found.problem is None and found.kind != inventory.ABSENT
        entry = {
            "task": parameter.task,
            "parameter": parameter.name,
            **found.to_json(),
            "written": sum(before.get(name) != stamp for name, stamp in after.items()),
            "copy": place if here else None,
        }
        told.append(entry)
    return told


def _told(
    command: Command, config: Effective, before: _Before, ended: Ended, file: Path, outputs: list[dict[str, Any]]
) -> dict[str, Any]:
    """The content of record.json."""
    image = container.image_identity(config, before.image, container.look(config))
    known = [parameter.name for parameter in config.parameters]
    version = config.document.get("version")
    return {
        "run_id": provenance.new_run_id(),
        "tasks": list(config.tasks),
        "mlcube": {
            "name": config.name,
            "version": None if version is None else str(version),
            "yaml_sha256": before.yaml,
            "yaml_sha256_after": _sha256(file),
        },
        **image,
        "image_before": None if before.image is None else identity.digests(before.image, "host"),
        "ended": {"exit_code": ended.exit_code, "signal": ended.signum, "killed": ended.killed},
        "inputs": [
            {
                "task": parameter.task,
                "parameter": parameter.name,
                "origin": origin,
                "before": was,
                "after": inventory.look_at(parameter.path).to_json(),
            }
            for parameter, origin, was in before.inputs
        ],
        "outputs": outputs,
        "ignored": list(ignored(command, known)),
    }


def _secrets(environ: Mapping[str, str]) -> list[str]:
    """Values of variables whose names say that they are secret: whatever else was withheld, these stand nowhere."""
    return [value for name, value in environ.items() if _SECRET.search(name) and len(value) >= _LEAST_SECRET]


def _write(
    store: Store, scrub: Scrubber, told: dict[str, Any], config: Effective, timing: build.Timing,
    environ: Mapping[str, str],
) -> tuple[Mapping[str, Any], str]:  # fmt: skip
    """Write configuration, record and sidecar; the sidecar, and why its state is what it is."""
    record_ = scrub.json(told)
    assert isinstance(record_, dict)
    configuration = scrub(shown(config).decode()).encode()
    write_atomically(store.config, configuration)
    write_atomically(store.record, file_bytes(record_))
    derived = recorded.members(record_, hashlib.sha256(configuration).hexdigest(), list(build.NON_CLAIMS))
    sizes = sum(entry.get("size", 0) for entry in record_["outputs"] if entry["copy"])
    of_image = build.Identity(
        derived["runner"], derived["image"], derived["mlcube_config_hash"], derived["image_identity"]
    )
    manifest = build.manifest(
        task=derived["mlcube_task"],
        run_id=derived["run_id"],
        identity=of_image,
        timing=timing,
        dataset_refs=derived["dataset_refs"],
        artifacts=artifacts_of(store),
        parents=derived["parents"],
        derived=derived,
        provenance=provenance.provenance(timing.finished_on),
        environment=provenance.environment(environ),
    )
    sealed = seal(store, manifest, scan=sizes <= _MAX_SCANNED_BYTES)
    return sealed, recorded.state(record_)[1]
