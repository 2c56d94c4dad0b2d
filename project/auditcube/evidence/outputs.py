"""The answers that a run kept, one line each, beside its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from auditcube.errors import EvidenceRejected
from auditcube.evidence.answers import KeptAnswer
from auditcube.evidence.table import Events

_MEMBERS = {"ordinal", "sample", "output"}
_NOTHING: Mapping[str, Any] = {}
# What says something of an answer, and is no part of it.
_ABOUT = {
    "finish_reason",
    "logprobs",
    "first_token_ids",
    "token_ids_from",
    "video_id",
    "video_path",
    "video_size_bytes",
}


def read_answers(
    paths: Iterable[Path], all_events: Events, expected: Mapping[int, Mapping[str, Any]]
) -> Iterator[KeptAnswer]:
    """The kept answers, one at a time, in the order in which they were written. `expected`: by sample.

    Raises EvidenceRejected for a line that is none; the last one of a killed run may be cut off.
    """
    events = all_events.whole()
    order = np.argsort(events.ordinal, kind="stable")
    ordinals = events.ordinal[order]
    for path, number, line in _lines(paths):
        if (record := _record(line)) is None:
            raise EvidenceRejected(f"{path}: line {number} is no kept answer")
        ordinal, sample, output = record
        place = _place(ordinals, ordinal)
        counted = -1 if place is None else int(events.tokens_out[order[place]])
        yield KeptAnswer(
            ordinal, sample, _content(output), output.get("token_ids"), output.get("first_token_ids"),
            counted if counted >= 0 else None, output, expected.get(sample, _NOTHING), "token_ids_from" not in output,
        )  # fmt: skip


def contradictions(paths: Iterable[Path], all_events: Events, captures: Callable[[int], bool]) -> list[str]:
    """The first way, if there is one, in which kept answers contradict the events of their run.

    Each completed query that `captures` names has one line, and no other has any.
    """
    events = all_events.whole()
    order = np.argsort(events.ordinal, kind="stable")
    ordinals = events.ordinal[order]
    seen = np.zeros(len(order), dtype=bool)
    for path, number, line in _lines(paths):
        record = _record(line)
        place = None if record is None else _place(ordinals, record[0])
        where = f"{path.name}, line {number}"
        if record is None:
            return [f"{where}: is no kept answer"]
        if place is None or not events.ok[order[place]] or not captures(record[0]):
            return [f"{where}: no answer to query {record[0]} was to be kept"]
        if seen[place]:
            return [f"{where}: query {record[0]} stands twice"]
        if int(events.sample[order[place]]) != record[1]:
            return [f"{where}: query {record[0]} asked for another sample"]
        seen[place] = True
    whole = len(events.ends) == len(events.starts) > 0
    missing = (int(ordinals[place]) for place in np.flatnonzero(events.ok[order] & ~seen))
    lost = next((ordinal for ordinal in missing if captures(ordinal)), None) if whole else None
    return [] if lost is None else [f"the answer to query {lost} was to be kept, and is not there"]


def media_contradictions(paths: Iterable[Path], kept: Mapping[str, str]) -> list[str]:
    """The first way, if there is one, in which kept videos contradict the kept answers of their run.

    `kept` has the SHA-256 of each video by its file's name. Each answer that tells a video's digest has one, and no
    other has any.
    """
    unnamed = dict(kept)
    for path, number, line in _lines(paths):
        record = _record(line)
        told = None if record is None else record[2].get("video_sha256")
        if record is None or told is None:
            continue
        name = f"{record[0]}.mp4"
        if unnamed.pop(name, None) != told:
            return [f"{path.name}, line {number}: media/{name} is not there, or another video"]
    return [f"media/{name}: no answer tells of it" for name in sorted(unnamed)[:1]]


def _lines(paths: Iterable[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for path in paths:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.endswith(b"\n"):  # else of a killed run
                    yield path, number, line


def _record(line: bytes) -> tuple[int, int, dict[str, Any]] | None:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict) or record.keys() != _MEMBERS or not isinstance(record["output"], dict):
        return None
    if type(record["ordinal"]) is not int or type(record["sample"]) is not int:
        return None
    output = record["output"]
    if any(not _is_tokens(output[name]) for name in ("token_ids", "first_token_ids") if name in output):
        return None
    return record["ordinal"], record["sample"], output


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and {*map(type, value)} <= {int}


def _place(ordinals: Any, ordinal: int) -> int | None:
    place = int(np.searchsorted(ordinals, ordinal)) if -(2**63) <= ordinal < 2**63 else len(ordinals)
    return place if place < len(ordinals) and int(ordinals[place]) == ordinal else None


def _content(output: Mapping[str, Any]) -> bytes | None:
    """What of an output is the answer itself; None where only a path to it was told."""
    answer = {name: value for name, value in output.items() if name not in _ABOUT}
    return orjson.dumps(answer, option=orjson.OPT_SORT_KEYS) if answer else None
