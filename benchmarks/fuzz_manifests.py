"""100,000 mutated sidecars against `manifest validate` and `verify`: no crash, and no PASS for a change that matters.

    .venv/bin/python benchmarks/fuzz_manifests.py                  100,000 mutants of real, chained sidecars
    .venv/bin/python benchmarks/fuzz_manifests.py --count 5000 --seed 3
    .venv/bin/python benchmarks/fuzz_manifests.py --forgeries      every single edit of each of them, digests made right
    .venv/bin/python benchmarks/fuzz_manifests.py --atheris 60     a minute guided by coverage

The last one needs `pip install atheris`, which has wheels for Linux on x86_64 and Python 3.11 to 3.14. What it crashes
on is written to the folder for temporary files.

Exits with 1 if anything is wrong; each mutant follows from its seed and number. `--write` puts the figures into
docs/manifest.md. What matters is every member but those that `manifest/fields.py` declares open.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from types import FunctionType
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from auditcube.evidence.store import SIDECAR, Store  # noqa: E402 - beside the tests' own
from auditcube.judging import judge  # noqa: E402
from auditcube.manifest import attestation, build, canonical, chain, claim, codec, rules, shapes  # noqa: E402
from auditcube.manifest.canonical import same  # noqa: E402
from auditcube.manifest.fields import covered  # noqa: E402
from auditcube.manifest.statement import Judgement  # noqa: E402
from auditcube.manifest.validator import Sidecar, statement_findings, validate  # noqa: E402
from auditcube.verification import check  # noqa: E402
from bundles import Bundle, dumps, sealed  # noqa: E402
from e2e.commands import called, job, sure_to_pass  # noqa: E402
from edits import edits  # noqa: E402
from fuzzing import Tally, Target, fuzz  # noqa: E402
from mutations import mutants  # noqa: E402
from page import machine, put  # noqa: E402

PAGE = ROOT / "docs" / "manifest.md"
MARK = "benchmarks/fuzz_manifests.py"
CHAIN = ("run_reference", "run_audit", "verify", "review")
TASKS = ("audit", *CHAIN)


def series(folder: Path) -> None:
    """An `audit` by itself, and a chain of four tasks."""
    tree = folder / "tree"
    with sure_to_pass() as server:
        given = ("--config", job(folder, server.url, {"load": {"warmup_queries": 3}}))
        pair = ("--reference_dir", tree / "run_reference")
        for task, more, output in (
            ("run_reference", (), tree / "run_reference"),
            ("run_audit", pair, tree / "run_audit"),
            ("audit", (), folder / "alone" / "audit"),
        ):
            if called(task, *given, *more, "--output_dir", output).code:
                raise SystemExit(f"{task} against the demonstration endpoint did not pass")
    called("verify", *pair, "--audit_dir", tree / "run_audit", "--output_dir", tree / "verify")
    judge(tree, Judgement("accepted"), folder / "review", False, {})
    shutil.move(folder / "review", tree / "review")


def targets(folder: Path) -> Iterator[tuple[str, Target]]:
    """Each task's sidecar as the last of its chain: there is no next one that names it by its digest."""
    for task in TASKS:
        here = folder / "until" / task
        if task == "audit":
            shutil.copytree(folder / "alone", here)
        for before in CHAIN[: CHAIN.index(task) + 1] if task in CHAIN else ():
            shutil.copytree(folder / "tree" / before, here / before)
        reference = check(Store(here / "run_reference")) if task == "run_audit" else None
        yield task, Target(Bundle(here / task), here, reference)


def forgeries(target: Target, task: str, tally: Tally) -> None:
    """Every single edit of one sidecar, every digest made right again."""
    bundle = target.bundle
    base, spelt = bundle.manifest, bundle.sidecar.read_bytes()
    for edit in edits(base):
        if not isinstance(edit.value, dict) or same(edit.value, base) or edit.pointer.startswith("/directory_digest"):
            continue
        try:
            bundle.write(edit.value)
        except (LookupError, TypeError, AttributeError):
            bundle.put(dumps(edit.value))
        tally.tried += 1
        found = validate([target.tree]).findings or check(Store(bundle.root), target.reference).findings
        tally.by_stage["found" if found else "nobody"] += 1
        if not found and covered(task, edit.pointer) and not edit.pointer.startswith("/manifest_digest"):
            tally.wrong.append(f"{task}: {edit.pointer} {edit.how} passed")
    bundle.put(spelt)


def guided(seconds: int, spelt: bytes) -> int:
    """Bytes that coverage leads to new places, against all that looks at a sidecar by itself; the exit status.

    Most are made by the tests' mutations, which keep them JSON, some by libFuzzer's own. It ends its process, so it
    gets one.
    """
    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "seed").write_bytes(spelt)
        process = get_context("fork").Process(target=_guided, args=(seconds, corpus))
        process.start()
        process.join()
    return 0 if process.exitcode == 0 else 1


def _guided(seconds: int, corpus: str) -> None:
    atheris: Any = importlib.import_module("atheris")
    for module in (attestation, build, canonical, chain, claim, codec, rules, shapes):
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                atheris.instrument_func(function)

    def mutated(data: bytes, most: int, seed: int) -> bytes:
        try:
            base = codec.parse(data)
            if seed % 4:
                return next(mutants(base, data, sealed, random.Random(seed))).data[:most]
        except (ValueError, LookupError, TypeError, AttributeError):  # no sidecar any more, or nothing in it
            pass
        return bytes(atheris.Mutate(data, most))

    options = [f"-max_total_time={seconds}", "-max_len=20000", f"-artifact_prefix={tempfile.gettempdir()}/"]
    atheris.Setup([sys.argv[0], *options, corpus], looked_at, custom_mutator=mutated)
    atheris.Fuzz()


def looked_at(data: bytes) -> None:
    """All that looks at the bytes of a sidecar by itself. Raises what none of it should."""
    spelt, value = codec._spelled_by_orjson(data)
    if spelt and not same(value, codec._parse_plainly(data)):
        raise AssertionError("two readers, two values")
    try:
        value = codec.parse(data)
    except ValueError:
        return
    if not rules.form(value, data):
        attestation.encode(value, data, SIDECAR)
        list(shapes.misshapen(value))
        chain.Node.of("", value, data)
        statement_findings(Sidecar(Path(SIDECAR), value, data, ()))


def told(tally: Tally, seconds: float, what: str) -> list[str]:
    stages = ", ".join(f"{count:,} by {stage}" for stage, count in sorted(tally.by_stage.items()) if stage != "nobody")
    passed = tally.by_stage["nobody"]
    return [
        f"{what}: {tally.tried:,} in {seconds:,.0f} s. Found: {stages}; {passed:,} passed, unchanged or in members",
        f"that are declared open; wrong: {len(tally.wrong)}.",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--task", action="append", choices=TASKS, help="only the sidecar of this one; may be repeated")
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--forgeries", action="store_true")
    parser.add_argument("--atheris", type=int, metavar="SECONDS")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    tasks = options.task or TASKS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        series(folder)
        if options.atheris:
            return guided(options.atheris, (folder / "alone/audit" / SIDECAR).read_bytes())
        lines = [f"{machine()}; Python {platform.python_version()}.", ""]
        wrong = []
        for what, single in (("Mutants", False), ("Single edits with every digest made right", True)):
            if single and not (options.forgeries or options.write):
                continue
            tally, began = Tally(), time.monotonic()
            shutil.rmtree(folder / "until", ignore_errors=True)
            for number, (task, target) in enumerate(targets(folder)):
                if task not in tasks:
                    continue
                if single:
                    forgeries(target, task, tally)
                else:
                    fuzz(target, options.count // len(tasks), options.seed + number, tally)
                print(f"{what}, {task}: {json.dumps(tally.by_stage)}, wrong: {len(tally.wrong)}", flush=True)
            lines += told(tally, time.monotonic() - began, what)
            wrong += tally.wrong
    for line in [*wrong[:20], *lines]:
        print(line)
    if options.write:
        put(PAGE, MARK, "\n".join(lines))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
