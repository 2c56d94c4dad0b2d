"""Event files as a table: the readable prefix of a killed run, and nothing that is not an event."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auditcube.errors import EvidenceRejected, ExitCode
from auditcube.evidence import table
from auditcube.evidence.events import Status, to_lines
from auditcube.evidence.table import STATUSES, read_events
from builders import end_of, event, start_of

START = asdict(start_of())
END = asdict(end_of(1))
LAG: dict[str, int] = END["lag_ns"]
EVENT: dict[str, Any] = json.loads(to_lines([event(0, done=5, salt="ab", tokens_out=2)]))


def lines(*records: Any) -> bytes:
    return b"".join(record if isinstance(record, bytes) else json.dumps(record).encode() + b"\n" for record in records)


def written(path: Path, *records: Any) -> Path:
    path.write_bytes(lines(*records))
    return path


def rows(count: int) -> list[dict[str, Any]]:
    return [EVENT | {"ordinal": n, "sample": n} for n in range(count)]


def test_a_whole_file(tmp_path: Path) -> None:
    found = read_events([written(tmp_path / "e", {"start": START}, *rows(3), {"end": END})]).whole()
    assert len(found) == 3
    assert found.ordinal.tolist() == [0, 1, 2]
    assert found.tokens_out.tolist() == [2, 2, 2]
    assert found.first_ns.tolist() == [-1, -1, -1]
    assert found.salts == {0: "ab", 1: "ab", 2: "ab"}
    assert [start.run_id for start in found.starts] == ["run"]
    assert [end.reason for end in found.ends] == ["completed"]
    assert found.ends[0].lag_ns == LAG
    assert found.tries.tolist() == [-1, -1, -1]


def test_a_killed_run_is_readable_wherever_its_last_line_was_cut(tmp_path: Path) -> None:
    whole = lines({"start": START}, *rows(2), {"end": END})
    ends = [n for n, byte in enumerate(whole, 1) if byte == ord("\n")]
    path = tmp_path / "e"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        found = read_events([path]).whole()
        complete = sum(end <= cut for end in ends)
        assert len(found.starts) == min(complete, 1)
        assert len(found) == min(max(complete - 1, 0), 2)
        assert len(found.ends) == (complete == 4)


def test_several_workers_are_one_table(tmp_path: Path) -> None:
    paths = []
    for worker in range(3):
        mine = [EVENT | {"ordinal": n} for n in range(worker, 10, 3)]
        head = {"start": asdict(start_of(worker, 3))}
        paths.append(
            written(tmp_path / f"events.{worker}.jsonl", head, *mine, {"end": asdict(end_of(len(mine), worker=worker))})
        )
    found = read_events(paths).whole()
    assert sorted(found.ordinal.tolist()) == list(range(10))
    assert [start.worker for start in found.starts] == [0, 1, 2]
    assert [end.events for end in found.ends] == [4, 3, 3]


def test_one_killed_worker_leaves_the_others_whole(tmp_path: Path) -> None:
    one = written(tmp_path / "0", {"start": START}, *rows(2), {"end": END})
    other = written(tmp_path / "1", {"start": START}, *rows(1), b'{"ordinal": 1')
    found = read_events([one, other]).whole()
    assert (len(found), len(found.starts), len(found.ends)) == (3, 2, 1)


def test_no_file_and_an_empty_file_are_empty_tables(tmp_path: Path) -> None:
    for paths in ([], [written(tmp_path / "e")]):
        found = read_events(paths).whole()
        assert len(found) == 0
        assert found.ok.dtype == np.bool_
        assert found.starts == ()


def test_a_long_file_is_read_in_pieces_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "e", {"start": START}, *rows(7), {"end": END})
    for size in (1, 100, len(lines(*rows(3))), len(lines(*rows(3))) + 1, 2**20):
        monkeypatch.setattr(table, "_BLOCK_BYTES", size)
        assert read_events([path]).whole().ordinal.tolist() == list(range(7))


def test_only_ok_counts_as_completed(tmp_path: Path) -> None:
    statuses = [EVENT | {"ordinal": n, "status": status.value} for n, status in enumerate(Status)]
    found = read_events([written(tmp_path / "e", {"start": START}, *statuses)]).whole()
    assert [STATUSES[code] for code, ok in zip(found.status, found.ok, strict=True) if ok] == [Status.OK]


def test_equal_errors_are_kept_once_and_not_without_end(tmp_path: Path) -> None:
    told = [EVENT | {"ordinal": n, "status": "timeout", "error": f"reason {n // 2}"} for n in range(100)]
    found = read_events([written(tmp_path / "e", {"start": START}, *told)]).whole()
    assert found.errors == tuple(f"reason {n}" for n in range(20))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in EVENT.items() if key != name}


BAD_EVENTS: list[tuple[str, Any, str]] = [
    ("garbage", b"not json\n", "not JSON"),
    ("NaN", b'{"ordinal": NaN}\n', "not JSON"),
    ("no UTF-8", b'{"error": "\xff"}\n', "not JSON"),
    ("empty line", b"\n", "not JSON"),
    ("two objects", b"{} {}\n", "not JSON"),
    ("list", [1], "not a JSON object"),
    ("number", 1, "not a JSON object"),
    ("null", None, "not a JSON object"),
    ("empty object", {}, "is missing"),
    ("unknown member", EVENT | {"zzz": 1}, "unknown member 'zzz'"),
    ("unknown status", EVENT | {"status": "fine"}, "unknown status 'fine'"),
    *((f"{name} missing", without(name), f"{name} is missing") for name in ("ordinal", "sample", "status")),
    *((f"{name} missing", without(name), f"{name} is missing") for name in ("due_ns", "issued_ns", "done_ns")),
    ("status no text", EVENT | {"status": 1}, "status is not text"),
    ("status list", EVENT | {"status": ["ok"]}, "status is not text"),
    ("salt no text", EVENT | {"salt": 3}, "salt is not text"),
    ("error no text", EVENT | {"error": {"a": 1}}, "error is not text"),
    ("error null", EVENT | {"error": None}, "error is not text"),
    *(
        (f"{name} {value!r}", EVENT | {name: value}, f"{name} is not an integer")
        for name in ("ordinal", "done_ns", "first_ns", "chunks", "tokens_out", "tries", "bytes_in", "http_status")
        for value in (1.0, "1", True, None, [1], 2**63, -(2**63) - 1, 2**70)
    ),
    ("start again", {"start": START}, "a start record, and no other, stands first"),
    ("end no object", {"end": 3}, "no object"),
    ("end null", {"end": None}, "no object"),
    ("end and more", {"end": END, "ordinal": 1}, "unknown member 'end'"),
    ("end without reason", {"end": {"worker": 0, "elapsed_ns": 1, "events": 1}}, "reason is missing"),
    ("end with more", {"end": END | {"x": 1}}, "x"),
    ("end of text", {"end": END | {"events": "1"}}, "events is not int"),
    ("end of truth", {"end": END | {"elapsed_ns": True}}, "elapsed_ns is not int"),
    ("end without lag", {"end": {k: v for k, v in END.items() if k != "lag_ns"}}, "lag_ns is missing"),
    ("lag no object", {"end": END | {"lag_ns": 1}}, "lag_ns is no object of count, max, p50, p99, p99.9"),
    ("lag with less", {"end": END | {"lag_ns": {k: v for k, v in LAG.items() if k != "max"}}}, "lag_ns is no object"),
    ("lag with more", {"end": END | {"lag_ns": LAG | {"p90": 1}}}, "lag_ns is no object"),
    *(
        (f"lag of {value!r}", {"end": END | {"lag_ns": LAG | {"p99.9": value}}}, "something else than natural numbers")
        for value in (-1, 1.0, True, "1", None, 2**63)
    ),
    ("turns with less", {"end": END | {"turn_ns": {"count": 1}}}, "turn_ns is no object of count, max, p50"),
    ("end without CPU", {"end": {k: v for k, v in END.items() if k != "cpu_ns"}}, "cpu_ns is missing"),
    ("CPU unused", {"end": END | {"cpu_ns": {"waited": 1}}}, "cpu_ns is no object of used, waited"),
    ("CPU with more", {"end": END | {"cpu_ns": {"used": 1, "stolen": 1}}}, "cpu_ns is no object of used, waited"),
    ("CPU back", {"end": END | {"cpu_ns": {"used": -1}}}, "cpu_ns holds something else than natural numbers"),
]


def test_an_end_need_not_tell_of_waits(tmp_path: Path) -> None:
    end = END | {"cpu_ns": {"used": 0}}
    assert read_events([written(tmp_path / "e", {"start": START}, {"end": end})]).ends[0].cpu_ns == {"used": 0}


@pytest.mark.parametrize(("record", "message"), [case[1:] for case in BAD_EVENTS], ids=[case[0] for case in BAD_EVENTS])
def test_what_is_no_event_is_refused_with_file_and_line(tmp_path: Path, record: Any, message: str) -> None:
    path = written(tmp_path / "events.jsonl", {"start": START}, *rows(2), record, *rows(1))
    with pytest.raises(EvidenceRejected, match=rf"^{re.escape(str(path))}, line 4: .*{re.escape(message)}") as caught:
        read_events([path])
    assert caught.value.exit_code is ExitCode.EVIDENCE_REJECTED


BAD_STARTS: list[tuple[str, Any, str]] = [
    ("event first", EVENT, "a start record, and no other, stands first"),
    ("end first", {"end": END}, "a start record, and no other, stands first"),
    ("start and more", {"start": START, "end": END}, "a start record, and no other, stands first"),
    ("null", {"start": None}, "no object"),
    ("list", {"start": []}, "no object"),
    ("missing", {"start": {k: v for k, v in START.items() if k != "worker"}}, "worker is missing"),
    ("more", {"start": START | {"host": "node7"}}, "host"),
    ("text for integer", {"start": START | {"origin_ns": "5"}}, "origin_ns is not int"),
    ("integer for text", {"start": START | {"run_id": 5}}, "run_id is not str"),
]


@pytest.mark.parametrize(("record", "message"), [case[1:] for case in BAD_STARTS], ids=[case[0] for case in BAD_STARTS])
def test_a_file_that_does_not_begin_with_its_start_is_refused(tmp_path: Path, record: Any, message: str) -> None:
    path = written(tmp_path / "events.jsonl", record, *rows(2))
    with pytest.raises(EvidenceRejected, match=rf"^{re.escape(str(path))}, line 1: .*{re.escape(message)}"):
        read_events([path])


@pytest.mark.parametrize("more", [EVENT, {"end": END}, {"start": START}])
def test_nothing_stands_behind_the_end(tmp_path: Path, more: Any) -> None:
    path = written(tmp_path / "events.jsonl", {"start": START}, {"end": END}, more)
    with pytest.raises(
        EvidenceRejected, match=r"events\.jsonl, line 3: not an event \(it stands behind the end record"
    ):
        read_events([path])


def test_the_limits_of_64_bits_are_inside(tmp_path: Path) -> None:
    extremes = EVENT | {"done_ns": 2**63 - 1, "issued_ns": -(2**63)}
    found = read_events([written(tmp_path / "e", {"start": START}, extremes)]).whole()
    assert (found.done_ns[0], found.issued_ns[0]) == (2**63 - 1, -(2**63))


def test_each_file_is_measured_as_it_is_read(tmp_path: Path) -> None:
    """And of its lines those are kept that are more than numbers and a status, wherever the file was cut."""
    bare = to_lines([event(n, done=5) for n in range(3)])
    whole = lines({"start": START}, bare, *rows(2), {"end": END})
    path, other = tmp_path / "e", written(tmp_path / "other", {"start": START})
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        read, second = read_events([path, other]).files
        assert (read.path, second.path) == (path, other)
        assert (read.size, read.sha256) == (cut, hashlib.sha256(whole[:cut]).hexdigest())
        *complete, rest = whole[:cut].split(b"\n")
        expected = [line for line in complete if line not in bare.split(b"\n")] + [rest] * (rest != b"")
        assert sorted(read.others or ()) == sorted(expected)


def test_of_many_other_lines_none_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_BLOCK_BYTES", 1)
    path = written(tmp_path / "e", {"start": START}, *rows(3))
    size = len(path.read_bytes())
    monkeypatch.setattr(table, "_KEPT_OTHERS", size)
    assert len(read_events([path]).files[0].others or ()) == 4
    monkeypatch.setattr(table, "_KEPT_OTHERS", size - 1)
    assert read_events([path]).files[0].others is None
