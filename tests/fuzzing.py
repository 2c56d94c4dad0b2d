"""Mutated sidecars against the validator and `verify`: none may crash them, none that says something else may pass."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from auditcube.evidence.store import Store
from auditcube.manifest.canonical import same
from auditcube.manifest.codec import parse
from auditcube.manifest.fields import covered
from auditcube.manifest.validator import read_sidecar, validate
from auditcube.verification import check
from auditcube.verification.checked import Checked
from bundles import Bundle, sealed, with_listing
from mutations import Mutant, Value, differing, mutants

_REMADE = ("/manifest_digest", "/directory_digest")


@dataclass
class Tally:
    """What became of the mutants; `wrong` should stay empty."""

    tried: int = 0
    by_stage: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """One result whose sidecar is mutated, in the tree that it belongs to, with the reference it started from."""

    bundle: Bundle
    tree: Path
    reference: Checked | None


def fuzz(target: Target, count: int, seed: int, tally: Tally, watch: Callable[[Tally], object] = bool) -> None:
    """Try `count` mutants of one sidecar, which is left as it was."""
    bundle = target.bundle
    base, spelt = bundle.manifest, bundle.sidecar.read_bytes()
    made = mutants(base, spelt, _sealed, random.Random(seed))
    for _, mutant in zip(range(count), made, strict=False):
        bundle.put(mutant.data)
        tally.tried += 1
        try:
            stage = _rejected_by(target)
        except Exception as crash:  # noqa: BLE001 - what is looked for
            tally.wrong.append(f"{type(crash).__name__}: {crash} ({mutant.how}, seed {seed}, number {tally.tried})")
            continue
        tally.by_stage[stage or "nobody"] += 1
        if stage is None and (matter := _matters(base, spelt, mutant)):
            tally.wrong.append(f"passed with another {', '.join(matter[:5])} ({mutant.how}, seed {seed})")
        watch(tally)
    bundle.put(spelt)


def _sealed(value: Value) -> bytes:
    return sealed(with_listing(value))


def _rejected_by(target: Target) -> str | None:
    """Who finds something: the reader of one sidecar, the validator of the tree, `verify`; None if nobody."""
    if read_sidecar(target.bundle.sidecar).findings:
        return "form"
    if validate([target.tree]).findings:
        return "validate"
    return "verify" if check(Store(target.bundle.root), target.reference).findings else None


def _matters(base: Value, spelt: bytes, mutant: Mutant) -> list[str]:
    """The members in which a mutant differs and must not; another spelling of the same matters, too."""
    if mutant.data == spelt:
        return []
    value = parse(mutant.data)
    if same(value, base):
        return ["spelling"]
    places = [at for at in differing(base, value) if not at.startswith(_REMADE)]
    return [at for at in places if covered(base["mlcube_task"], at)]
