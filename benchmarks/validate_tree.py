"""How long `auditcube manifest validate` takes on a large tree, and that it still finds the one file that was changed.

    .venv/bin/python benchmarks/validate_tree.py            10,000 sidecars of small results, and 1,000 whole audits
    .venv/bin/python benchmarks/validate_tree.py --write    also puts the figures into docs/manifest.md

The command is run as a reviewer would, start-up included. Every sidecar has another run id and so another digest, and
every small result has another file beside it, too; each is scanned for secrets with the files that it lists, and its
parents are followed.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from bundles import Bundle  # noqa: E402 - the tests' own
from e2e.commands import AUDITCUBE, called, job, sure_to_pass  # noqa: E402
from page import machine, put  # noqa: E402

PAGE = ROOT / "docs" / "manifest.md"
MARK = "benchmarks/validate_tree.py"


class Taken(NamedTuple):
    """One call of the command."""

    seconds: float
    cpu_s: float
    told: Any


def results(folder: Path) -> None:
    """A reference, an audit of it, and its verification."""
    with sure_to_pass() as server:
        given = ("--config", job(folder, server.url))
        pair = ("--reference_dir", folder / "run_reference")
        called("run_reference", *given, "--output_dir", folder / "run_reference")
        called("run_audit", *given, *pair, "--output_dir", folder / "run_audit")
    called("verify", *pair, "--audit_dir", folder / "run_audit", "--output_dir", folder / "verify")


def tree(folder: Path, of: str, count: int) -> Path:
    """`count` results, each under a run id of its own, beside what they started from."""
    made = folder / f"{count} of {of}"
    for task in ("run_reference", "run_audit"):
        shutil.copytree(folder / task, made / "parents" / task)
    for number in range(count - 2):
        bundle = Bundle.copied(folder / of, made / f"{number // 100:03d}" / f"{number:05d}")
        if of == "verify":
            bundle.edit("verification.json", lambda found: found["checks"].append(f"run {uuid.uuid4()}: all holds"))
        bundle.claim(lambda m: m.update(run_id=str(uuid.uuid4())))
    return made


def validated(path: Path) -> Taken:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([AUDITCUBE, "manifest", "validate", path, "--json"], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(time.monotonic() - began, cpu, json.loads(done.stdout))


def measured(path: Path) -> str:
    """A row of the table. Raises SystemExit if what was changed is not what is found."""
    clean = validated(path)
    files = [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    victim = max(file for file in files if file.name in ("verification.json", "report.html"))
    victim.write_bytes(victim.read_bytes().replace(b"e", b"3", 1))
    spoilt = validated(path)
    found = {(finding["code"], finding["path"]) for finding in spoilt.told["findings"]}
    if clean.told["findings"] or found != {("artifact_digest", str(victim))}:
        raise SystemExit(f"{path}: {clean.told['findings'][:3]} {sorted(found)[:3]}")
    count = len(clean.told["validated"])
    figures = f"{clean.seconds:.1f} s | {clean.cpu_s:.1f} s | {clean.cpu_s / count * 1e3:.2f} ms"
    return f"| {path.name} | {count:,} | {len(files):,} | {size / 1e6:,.0f} MB | {figures} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--small", type=int, default=10_000, help="sidecars of results with one file")
    parser.add_argument("--whole", type=int, default=1_000, help="sidecars of whole audits")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = [f"{machine()}; Python {platform.python_version()}.", ""]
    lines += ["| tree | sidecars | files | bytes | took | CPU | CPU per sidecar |", "| --- " * 7 + "|"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results(folder)
        for of, count in (("verify", options.small), ("run_audit", options.whole)):
            made = tree(folder, of, count)
            lines.append(measured(made))
            shutil.rmtree(made)
    print("\n".join(lines))
    if options.write:
        put(PAGE, MARK, "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
