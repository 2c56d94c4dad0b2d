"""Tokens counted by a tokenizer: by the library alone, under a real run, and in what a run leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import tokenizers

from auditcube.errors import SetupFailed
from auditcube.evidence.events import Event, Status
from auditcube.load import counting
from auditcube.load.counting import TokenCounter
from builders import event, load_of, schedule_of
from load.raw_server import RawServer, Talk, answer
from load.running import endpoint_of, ran, statuses


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A tokenizer that makes each word, and each sign between words, one token."""
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    path = tmp_path / "words.json"
    made.save(str(path))
    return path


def counted(path: Path, rows: Sequence[tuple[Event, Sequence[str]]], *, finish: bool = True) -> list[Event]:
    """What a counter hands on."""
    written: list[Event] = []

    async def count() -> None:
        counter = TokenCounter(str(path), written.append)
        for row, texts in rows:
            counter.add(row, texts)
        counter.finish() if finish else counter.give_up()

    asyncio.run(count())
    return written


def test_all_texts_of_an_answer_are_counted(words: Path) -> None:
    rows = [(event(0), ["a b c", "d"]), (event(1), [""]), (event(2), []), (event(3, status=Status.TIMEOUT), [])]
    assert [row.get("tokens_out") for row in counted(words, rows)] == [4, 0, 0, None]


def test_the_servers_own_count_is_replaced(words: Path) -> None:
    assert counted(words, [(event(0, tokens_out=99), ["one two"])])[0]["tokens_out"] == 2


def test_events_keep_their_order_and_none_is_lost_beyond_what_may_wait(
    words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_MOST_WAITING", 3)
    rows = [(event(n), ["word " * n]) for n in range(50)]
    done = counted(words, rows)
    assert [(row["ordinal"], row["tokens_out"]) for row in done] == [(n, n) for n in range(50)]


def test_what_is_given_up_is_handed_on_uncounted(words: Path) -> None:
    done = counted(words, [(event(n), ["word " * 20_000]) for n in range(20)], finish=False)
    assert [row["ordinal"] for row in done] == list(range(20))
    assert "tokens_out" not in done[-1]


@pytest.mark.parametrize("text", ["", "{}", "no JSON"])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(SetupFailed, match=r"endpoint.tokenizer .*t.json: is no tokenizer.json"):
        counted(tmp_path / "t.json", [])


def test_a_missing_package_is_named(words: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(SetupFailed, match=r"pip install 'auditcube\[tokenizer\]'"):
        counted(words, [])


def speak(talk: Talk) -> None:
    """Answers with as many words as the request's ordinal in its prompt says, and a usage that lies."""
    while (request := talk.request()) is not None:
        number = int(request.json["prompt"].rpartition(" ")[2])
        body = {"choices": [{"index": 0, "text": "word " * number}], "usage": {"completion_tokens": 777}}
        talk.send(answer(json.dumps(body).encode()))


@pytest.mark.parametrize("capture", [0.0, 1.0])
def test_a_run_whose_tokens_are_counted(tmp_path: Path, words: Path, capture: float) -> None:
    with RawServer(speak) as server:
        endpoint = endpoint_of(server.url, api="openai_completions", tokenizer=str(words))
        schedule = schedule_of(40, load_of(max_in_flight=4), size=10, capture=capture)
        events = ran(tmp_path, endpoint, schedule)
    assert statuses(events) == ["ok"] * 40
    assert all(row["tokens_out"] == row["sample"] for row in events)
    assert (tmp_path / "outputs.jsonl").exists() == (capture > 0)  # needed for counting is not asked for


def test_a_run_that_is_broken_off_says_so_at_once(tmp_path: Path, words: Path) -> None:
    """The time is up while answers are out: they are events all the same, counted where they came."""

    def once(talk: Talk) -> None:
        if talk.request() is not None and talk.number == 1:
            talk.send(answer(b'{"choices": [{"index": 0, "text": "two words"}]}'))
        talk.until_closed()

    with RawServer(once) as server:
        endpoint = endpoint_of(server.url, api="openai_completions", tokenizer=str(words))
        events = ran(tmp_path, endpoint, schedule_of(4, load_of(max_in_flight=2, max_duration_s=1.0), size=10))
    assert {row["status"]: row.get("tokens_out") for row in events} == {"ok": 2, "cancelled": None}
