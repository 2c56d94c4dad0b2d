"""TEST06: first token, EOS at the end, and length of every logged answer.

Source: compliance/TEST06/run_verification.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.hexdata import numbers
from auditcube.loadgen.layout import Paths
from auditcube.loadgen.upstream.test01 import decoded, members
from auditcube.loadgen.upstream.told import Crash, Told

EOS = 2


class Checks(NamedTuple):
    """What the three checks say; of an EOS, as if none were given on the command line. `first`: None if skipped."""

    first: bool | None
    ends: bool
    lengths: bool


def told(paths: Paths, scenario: str, dtype: str, eos: str | None, known: Checks | None = None) -> Told:
    """Three checks; exit 0 in any case but a crash. An EOS from the command line is text, which equals no token.

    `known`: what the checks say, if the log was read already.
    """
    notes = ["an EOS given on the command line switches the EOS check off"] if eos is not None else []
    try:
        first, ends, lengths = known or _checks(paths.audited_accuracy, scenario, dtype, eos, notes)
    except (Crash, Malformed) as problem:
        return Told(None, 1, {}, (*notes, f"run_verification.py crashes: {problem}"))
    ends = ends or (known is not None and eos is not None)
    passed = ends and lengths and first is not False
    lines = [
        f"First token check pass: {'Skipped' if first is None else first}",
        f"EOS check pass: {ends}",
        f"Sample length check pass: {lengths}",
        f"TEST06 verification {'complete' if passed else 'failed'}",
    ]
    return Told(passed, 0, {"verify_accuracy.txt": "\n".join([*lines, ""])}, tuple(notes))


def _checks(path: Path, scenario: str, dtype: str, eos: str | None, notes: list[str]) -> Checks:
    first: bool | None = None if scenario == "Offline" else True
    ends, lengths = True, True
    for entry in entries(path):
        # One after the other over the whole log there, each stopping where it fails; over each entry here.
        ends = ends and _attempted(notes, "EOS", partial(_ends, entry, dtype, eos))
        if first:
            first = _attempted(notes, "first token", partial(_starts, entry, dtype))
        lengths = lengths and _length(entry, dtype)
    return Checks(first, ends, lengths)


def _attempted(notes: list[str], name: str, check: Callable[[], bool]) -> bool:
    """What a check says; these two take any exception for a failure."""
    try:
        return check()
    except (Crash, ValueError, TypeError, KeyError) as problem:
        notes.append(f"Unexpected error occured while doing the {name} check: {problem}")
        return False


@lru_cache(maxsize=1)
def _numbers(data: Any, dtype: str) -> Any:
    """The numbers of the entry that is looked at, for all three checks."""
    return numbers(data, dtype)


def _ends(entry: Any, dtype: str, eos: str | None) -> bool:
    """At most one EOS at the end; the first token is never looked at."""
    tokens = _numbers(members(entry, "data")[0], dtype)
    last = tokens[max(1, len(tokens) - 2) :]
    return eos is not None or len(last) < 2 or bool((last != EOS).any())


def _starts(entry: Any, dtype: str) -> bool:
    data, token_data = members(entry, "data", "token_data")
    whole, first = _numbers(data, dtype), numbers(token_data, dtype)
    count = min(len(whole), len(first))
    return bool((whole[:count] == first[:count]).all())


def _length(entry: Any, dtype: str) -> bool:
    data, count = members(entry, "data", "token_count")
    try:
        tokens = _numbers(data, dtype)
    except (ValueError, TypeError):
        tokens = decoded(data, dtype)  # which says why
    try:
        return len(tokens) == int(count)
    except (TypeError, ValueError, OverflowError) as problem:
        raise Crash(f"token_count: {problem}") from None
