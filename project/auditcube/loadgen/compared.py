"""What both rules want to know of the two logs of TEST01, found in one reading of each.

Of each entry a row is kept in a temporary file: its sample, and instead of its data hashes of them and the first
element. The rows are then compared, those of some samples at a time, so that memory does not grow with the logs.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from auditcube.audits import test01
from auditcube.loadgen.columns import Columns, Ints, OtherSpelling, Passed
from auditcube.loadgen.facts import Bools, decoded, distinct, whole_tokens
from auditcube.loadgen.hexdata import DTYPES
from auditcube.loadgen.logged import Tally

Rows = npt.NDArray[np.void]
_AT_A_TIME = 2**18  # rows of one log that are held together
_AT_ONCE = 2**13  # rows that are read


class Comparison(NamedTuple):
    """Of the logs of TEST01: what was counted of the audited one, and what either rule finds.

    `found` is the rule strict's; `counts` are those that upstream's script prints, by their names without `num_`.
    """

    tally: Tally
    found: test01.Compared
    counts: Counter[str]


def compared(
    accuracy: Path, audited: Path, dtype: str, passed: tuple[Passed | None, Passed | None] = (None, None)
) -> Comparison | None:
    """The two logs beside each other, as numbers of `dtype`. None as of `facts`, or if nothing can be put aside."""
    hashed = _secret_hash()
    try:
        with ExitStack() as stack:
            files = (stack.enter_context(tempfile.TemporaryFile(buffering=0)) for _ in range(4))
            known, tested = (_Kept(_row(dtype), rows, ordinals) for rows, ordinals in zip(files, files, strict=True))
            counts = (
                _put(whole_tokens(path, dtype, into), dtype, hashed, kept)
                for path, into, kept in zip((accuracy, audited), passed, (known, tested), strict=True)
            )
            return _beside(known, next(counts), tested, next(counts))
    except (OtherSpelling, OSError):
        return None


def _secret_hash() -> Callable[[bytes], int]:
    """Hashes whose key nobody knows who makes up logs: two data that differ have the same in one of 2**64 cases.

    Python's own have such a key, made anew in each process, unless somebody chose it.
    """
    if os.environ.get("PYTHONHASHSEED", "random") == "random":
        return hash
    key = secrets.token_bytes(32)
    return lambda data: hash(key + data)


def _row(dtype: str) -> np.dtype[np.void]:
    """Of an entry, its sample and its place in the log; of its data, the first number, and whether there is none.

    `value` stands for what the rule strict compares, which `unread` data have not, and `digits` for the digits, where
    equal values may have different ones.
    """
    names = ("sample", "place", "value", *(("digits",) if dtype == "float32" else ()))
    numbers = [(name, np.int64) for name in names]
    return np.dtype([*numbers, ("first", DTYPES[dtype]), ("empty", "?"), ("unread", "?")], align=True)


class _Kept(NamedTuple):
    """What is kept of a log: rows like `row`, and apart from these the ordinals."""

    row: np.dtype[np.void]
    rows: IO[bytes]
    ordinals: IO[bytes]


def _put(log: Iterable[tuple[Columns, Ints]], dtype: str, hashed: Callable[[bytes], int], kept: _Kept) -> int:
    """Keep what is wanted of each entry of a log; how many there are."""
    count = 0
    for some, lengths in log:
        rows = _rows(some, lengths, dtype, hashed)
        rows["place"] = np.arange(count, count + len(rows))
        rows.tofile(kept.rows)
        some.ordinals.tofile(kept.ordinals)
        count += len(rows)
    return count


def _rows(some: Columns, lengths: Ints, dtype: str, hashed: Callable[[bytes], int]) -> Rows:
    rows = np.zeros(len(lengths), _row(dtype))
    texts, filled = some.data.of(some.text.tobytes()), lengths > 0
    rows["sample"] = some.samples
    rows["value"] = np.fromiter(map(hashed, texts), np.int64, len(texts))
    rows["first"][filled] = _firsts(some.text, some.data.begins[filled], dtype)
    rows["empty"] = rows["unread"] = ~filled
    if dtype == "float32":  # numbers are compared, and 0.0 is -0.0
        values, stops = decoded(b"".join(texts), dtype), lengths.cumsum()
        rows["digits"] = rows["value"]
        whole, ends = (values + np.float32(0)).tobytes(), (stops * values.itemsize).tolist()
        rows["value"] = [hashed(whole[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]
        broken = np.searchsorted(stops, np.flatnonzero(~np.isfinite(values)), side="right")
        rows["unread"][broken] = True
    return rows


def _firsts(text: memoryview, begins: Ints, dtype: str) -> npt.NDArray[Any]:
    """The numbers whose digits begin at these places."""
    digits = 2 * np.dtype(DTYPES[dtype]).itemsize
    runs: npt.NDArray[np.void] = np.ndarray(len(text) - digits + 1, f"V{digits}", text, strides=(1,))
    return decoded(runs[begins].tobytes(), dtype)


def _beside(known: _Kept, known_count: int, tested: _Kept, tested_count: int) -> Comparison:
    parts: int = 2 ** (max(known_count, tested_count) // _AT_A_TIME).bit_length()
    found: Counter[str] = Counter()
    counts = Counter({"acc_log_entries": known_count, "perf_log_entries": tested_count})
    differing: list[tuple[int, int]] = []
    queries = samples = 0
    for part in range(parts):
        queries += distinct(list(_ordinals(tested, parts, part)))
        first, more = _first(_by_sample(np.concatenate(list(_rows_of(known, parts, part)))))
        rows = _by_sample(np.concatenate(list(_rows_of(tested, parts, part))))
        samples += int(np.count_nonzero(_starts(rows["sample"])))
        position, has = _looked_up(first["sample"], rows["sample"])
        before = first[position] if len(first) else np.zeros(len(rows), tested.row)
        wrong = has & ~rows["unread"] & ~before["unread"] & (rows["value"] != before["value"])
        found.update(_strict(first, more, rows, before, has, position, wrong))
        differing = sorted([*differing, *_differing(rows[wrong])])[: test01.LISTED]
        counts.update(_upstream(first, more, rows, before, has))
    listed = [sample for _, sample in differing]
    return Comparison(Tally(tested_count, queries, samples), test01.Compared(dict(found), listed), counts)


def _rows_of(kept: _Kept, parts: int, part: int) -> Iterator[Rows]:
    """One of `parts` parts of a log's rows, by the last bits of the sample."""
    kept.rows.seek(0)
    while len(rows := np.fromfile(kept.rows, kept.row, _AT_ONCE)):
        yield rows[rows["sample"] & (parts - 1) == part]


def _ordinals(kept: _Kept, parts: int, part: int) -> Iterator[Ints]:
    """One of `parts` parts of a log's ordinals, by their last bits."""
    kept.ordinals.seek(0)
    while len(ordinals := np.fromfile(kept.ordinals, np.int64, _AT_ONCE)):
        yield ordinals[ordinals & (parts - 1) == part]


def _by_sample(rows: Rows) -> Rows:
    """Sorted by sample; entries of one sample as they stand in the log."""
    order = np.argsort(rows["sample"])
    ascending = rows["sample"][order]
    if not _starts(ascending).all():  # which most logs are without, and a stable order takes three times as long
        order = np.argsort(rows["sample"], kind="stable")
    return rows[order]


def _starts(ascending: Ints) -> Bools:
    """Where a value stands for the first time."""
    starts = np.ones(len(ascending), bool)
    starts[1:] = ascending[1:] != ascending[:-1]
    return starts


class _More(NamedTuple):
    """All entries of an accuracy log but the first of each sample: their rows and which of the first they repeat."""

    rows: Rows
    repeated: Ints


def _first(rows: Rows) -> tuple[Rows, _More]:
    """The first entry of each sample, and the others."""
    is_first = _starts(rows["sample"])
    repeated = is_first.cumsum() - 1
    more = _More(rows[~is_first], repeated[~is_first])
    return (rows[is_first] if len(more.rows) else rows), more


def _looked_up(ascending: Ints, wanted: Ints) -> tuple[Ints, Bools]:
    """Where each wanted value stands, and whether it does."""
    if not len(ascending):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    position = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return position, ascending[position] == wanted


def _strict(
    first: Rows, more: _More, rows: Rows, before: Rows, has: Bools, position: Ints, wrong: Bools
) -> dict[str, int]:
    """As `audits.test01` counts: every answer against the accuracy run's first one."""
    wanted = np.zeros(len(first), bool)
    wanted[position[has]] = True
    repeated = first[more.repeated]
    other = more.rows["unread"] != repeated["unread"]
    other |= ~repeated["unread"] & (more.rows["value"] != repeated["value"])
    unread = has & (rows["unread"] | before["unread"])
    found = {
        "compared": has & ~unread,
        "differing": wrong,
        "unknown": ~has,
        "unread": unread,
        "contradicting": other & wanted[more.repeated],
    }
    return {name: int(np.count_nonzero(those)) for name, those in found.items()}


def _differing(wrong: Rows) -> list[tuple[int, int]]:
    """Where a sample's answer first differs, and which it is; the first of these in the log."""
    firsts = wrong[_starts(wrong["sample"])]
    firsts = firsts[np.argsort(firsts["place"])[: test01.LISTED]]
    return list(zip(firsts["place"].tolist(), firsts["sample"].tolist(), strict=True))


def _upstream(first: Rows, more: _More, rows: Rows, before: Rows, has: Bools) -> dict[str, int]:
    """As verify_accuracy.py counts: the first element against that of the last answer to the sample it has seen."""
    again = np.flatnonzero(~_starts(rows["sample"]))
    if len(again):
        before, has = before.copy(), has.copy()
        before[again], has[again] = rows[again - 1], True
    empty = rows["empty"] | before["empty"]
    differ = np.where(empty, rows["empty"] != before["empty"], rows["first"] != before["first"])
    digits = "digits" if "digits" in (rows.dtype.names or ()) else "value"
    found = {
        "acc_log_data_mismatch": more.rows[digits] != first[digits][more.repeated],
        "perf_log_qsl_idx_match": has,
        "perf_log_data_mismatch": has & differ,
        "missing_qsl_idxs": ~has,
    }
    counts = {name: int(np.count_nonzero(those)) for name, those in found.items()}
    return {"acc_log_duplicate_keys": len(more.rows), **counts}
