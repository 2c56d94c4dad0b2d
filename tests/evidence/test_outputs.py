"""Kept answers: what is read out of a line, and what their ids and counts say together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import EvidenceRejected
from auditcube.evidence.answers import KeptAnswer
from auditcube.evidence.outputs import contradictions, media_contradictions, read_answers
from builders import event, table_of


def read(tmp_path: Path, *outputs: dict[str, Any], **told: Any) -> list[KeptAnswer]:
    path = tmp_path / "outputs.jsonl"
    lines = [json.dumps({"ordinal": n, "sample": n, "output": output}) for n, output in enumerate(outputs)]
    path.write_text("".join(f"{line}\n" for line in lines))
    return list(read_answers([path], table_of([event(n, **told) for n in range(len(outputs))]), {}))


@pytest.mark.parametrize(
    ("from_", "ids", "reported", "length", "misreported"),
    [
        (None, 3, 3, 3, False),
        (None, 3, 4, 3, True),
        (None, 3, 2, 3, True),
        (None, 3, None, 3, False),
        ("logprobs", 3, 3, 3, False),
        ("logprobs", 3, 4, 4, False),  # a token that ends within a character has no log probability
        ("logprobs", 3, 2, 2, True),
        ("logprobs", 3, None, 3, False),
        (None, None, 4, 4, False),
        (None, None, None, None, False),
    ],
)
def test_ids_and_reported_length(
    tmp_path: Path, from_: str | None, ids: int | None, reported: int | None, length: int | None, misreported: bool
) -> None:
    output: dict[str, Any] = {"text": "a"} | ({} if ids is None else {"token_ids": [5] * ids})
    output |= {} if from_ is None else {"token_ids_from": from_}
    (answer,) = read(tmp_path, output, tokens_out=reported)
    assert (answer.length, answer.misreported) == (length, misreported)


def test_the_answer_itself_is_what_is_compared(tmp_path: Path) -> None:
    about = {"finish_reason": "stop", "logprobs": [-1.0], "first_token_ids": [5], "token_ids_from": "logprobs"}
    plain, same, other, path = read(
        tmp_path, {"text": "a"}, {"text": "a", **about}, {"text": "b"}, {"video_id": "1", "video_path": "/v.mp4"}
    )
    assert plain.content == same.content != other.content
    assert path.content is None  # where a video lies says nothing of it


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"ordinal": 0, "sample": 0, "output": {"token_ids": ["5"]}}'])
def test_a_line_that_is_none(tmp_path: Path, line: str) -> None:
    path = tmp_path / "outputs.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(EvidenceRejected, match="line 1 is no kept answer"):
        list(read_answers([path], table_of([event(0)]), {}))
    assert contradictions([path], table_of([event(0)]), lambda _: True) == ["outputs.jsonl, line 1: is no kept answer"]


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ({"0.mp4": "aa", "1.mp4": "bb"}, []),
        ({"0.mp4": "aa"}, ["outputs.jsonl, line 2: media/1.mp4 is not there, or another video"]),
        ({"0.mp4": "bb", "1.mp4": "bb"}, ["outputs.jsonl, line 1: media/0.mp4 is not there, or another video"]),
        ({"0.mp4": "aa", "1.mp4": "bb", "2.mp4": "cc"}, ["media/2.mp4: no answer tells of it"]),
    ],
)
def test_videos_are_held_against_what_their_answers_tell(tmp_path: Path, kept: dict[str, str], told: list[str]) -> None:
    path = tmp_path / "outputs.jsonl"
    outputs: list[dict[str, str]] = [{"video_sha256": "aa"}, {"video_sha256": "bb"}, {"video_path": "elsewhere"}]
    lines = [json.dumps({"ordinal": n, "sample": n, "output": output}) for n, output in enumerate(outputs)]
    path.write_text("".join(f"{line}\n" for line in lines))
    assert media_contradictions([path], kept) == told
