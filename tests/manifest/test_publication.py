"""Files whose lines are partly known to hold nothing: what is said of them is what is said when all is looked at."""

from __future__ import annotations

import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from auditcube.evidence.events import Status, to_lines
from auditcube.evidence.table import read_events
from auditcube.manifest import publication
from auditcube.scan import files
from builders import end_of, event, start_of
from scan import corpus

NAME = "events.jsonl"
MANIFEST: dict[str, Any] = {"dataset_refs": [], "artifacts": [{"path": NAME}]}
BAD = [sample.text for sample in corpus.samples(corpus.SECRETS | corpus.PRIVATE, 2, 3)]
GOOD = [sample.text for sample in corpus.samples(corpus.HARMLESS, 2, 3)]


def events_with(errors: list[str], chance: random.Random) -> bytes:
    """A file of events, some of which have one of these errors."""
    numbers = [event(n, done=chance.randrange(10**16), bytes_in=chance.randrange(10**16)) for n in range(5)]
    failed = [event(9, status=Status.HTTP_ERROR, error=error) for error in errors]
    mixed = [*numbers, *failed]
    chance.shuffle(mixed)
    start, end = ({name: asdict(record)} for name, record in (("start", start_of()), ("end", end_of(len(mixed)))))
    return orjson.dumps(start) + b"\n" + to_lines(mixed) + orjson.dumps(end) + b"\n"


@pytest.mark.parametrize("seed", range(60))
def test_the_same_is_said_as_when_all_is_looked_at(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    errors = chance.choices(GOOD, k=2) + (chance.choices(BAD, k=1) if seed % 2 else [])
    (tmp_path / NAME).write_bytes(events_with(errors, chance))
    (read,) = read_events([tmp_path / NAME]).files
    assert read.others is not None
    assert len(read.others) == 2 + len(errors)
    told = publication.declare(tmp_path, MANIFEST, "manifest.json", {NAME: read.others})
    assert told == publication.declare(tmp_path, MANIFEST, "manifest.json")
    assert (told["redaction_status"] == publication.FINDINGS) == bool(seed % 2)


def test_lines_that_are_no_text_are_looked_at_with_the_file(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\0\n")
    told = publication.declare(tmp_path, MANIFEST, "manifest.json", {NAME: [b"\0"]})
    assert told["redaction_status"] == publication.NOT_SCANNED


@pytest.mark.parametrize("status", Status)
def test_in_a_line_that_is_left_out_nothing_is_found(status: Status, tmp_path: Path) -> None:
    """Whatever its numbers are: the reader and the scan agree on what is a number."""
    most: dict[str, Any] = {"http_status": 5555555555554444, "tries": 10**9, "first_ns": 4111111111111111}
    most |= {"last_ns": 4012888888881881, "chunks": 10**15}
    line = to_lines([event(10**15, sample=378282246310005, status=status, **most)])
    (tmp_path / NAME).write_bytes(line)
    assert files.look_through([tmp_path]).leaks == []
    (tmp_path / NAME).write_bytes(orjson.dumps({"start": asdict(start_of())}) + b"\n" + line)
    (read,) = read_events([tmp_path / NAME]).files
    assert len(read.others or ()) == 1
