"""Every cheat, seen in what a real server process answers and counts; the rules of the caches on a virtual clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from auditcube.demo.calls import Call, Served, meaning
from auditcube.demo.cheats import CHEATS, Cache, Cheat, chain
from auditcube.demo.text import TextJob
from demo.endpoint import CHAT, COMPLETION, VIDEO, Endpoint, video_bytes

PROMPTS = ("a fox", "a boat", "a fox", "a tower", "a dancer", "a fox")
SEQUENCE: list[object] = [*({"prompt": prompt} for prompt in PROMPTS), {"prompt": "a fox", "seed": 7}]


@pytest.mark.parametrize(
    ("cheat", "hits"),
    [
        (None, 0),
        ("exact_cache", 2),
        ("prompt_cache", 3),
        ("lru_cache=2", 1),
        ("lru_cache=3", 2),
        ("lru_cache=1", 0),
        ("ttl_cache=3600", 2),
        ("ttl_cache=0", 0),
        ("partial_cache=1", 2),
        ("partial_cache=0", 0),
        ("preloaded", 4),
        ("coalescing", 0),
        ("truncated_outputs", 0),
        ("other_model", 0),
        ("double_eos", 0),
        ("padded_outputs", 0),
        ("wrong_counts", 0),
        ("wrong_first_token", 0),
        ("uneven_outputs", 0),
        ("wrong_predictions", 0),
    ],
)
def test_how_many_of_a_sequence_are_hits(cheat: str | None, hits: int, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a fox"}\n')
    switch = ["--cheat", cheat, "--preload", str(rows)] if cheat else []
    with Endpoint(*switch) as endpoint:
        answers = [endpoint.ask(VIDEO, body) for body in SEQUENCE]
        stats = endpoint.stats()
    assert [answer.status for answer in answers] == [200] * 7
    assert (stats["hits"], stats["computed"], stats["completed"]) == (hits, 7 - hits, 7)
    assert (stats["distinct"], stats["distinct_prompts"]) == (5, 4)
    assert stats["by_prompt"] == {"a fox": 4, "a boat": 1, "a tower": 1, "a dancer": 1}


def test_every_cheat_is_in_the_table_above() -> None:
    marks = [mark for mark in getattr(test_how_many_of_a_sequence_are_hits, "pytestmark", []) if mark.args]
    tested = {str(row[0]).partition("=")[0] for mark in marks for row in mark.args[1]}
    assert tested - {"None"} == set(CHEATS)


def test_a_hit_takes_no_service_time_and_no_slot() -> None:
    with Endpoint("--cheat", "exact_cache", "--service-ms", "400", "--slots", "1") as endpoint:
        first = endpoint.video("a fox")
        again = endpoint.video("a fox")
    assert first.seconds >= 0.4
    assert again.seconds < 0.2
    assert first.json == again.json


def test_the_whole_meaning_of_a_request_is_compared_not_its_spelling() -> None:
    with Endpoint("--cheat", "exact_cache") as endpoint:
        for body in (b'{"prompt":"x","seed":1}', b'{ "seed": 1, "prompt": "\\u0078" }', b'{"prompt":"x","seed":2}'):
            assert endpoint.ask(VIDEO, body).status == 200
        assert endpoint.stats()["hits"] == 1


def test_the_prompt_cache_serves_whatever_form_is_asked_for_but_no_video_to_a_chat() -> None:
    with Endpoint("--cheat", "prompt_cache") as endpoint:
        path = endpoint.video("a fox").json["video_path"]
        other_form = endpoint.video("a fox", seed=9, response_format="video_bytes")
        stored = Path(path).read_bytes()
        chat = endpoint.ask(CHAT, {"messages": [{"role": "user", "content": "a fox"}]})
        assert endpoint.stats()["hits"] == 1
    assert video_bytes(other_form) == stored
    assert chat.json["choices"][0]["message"]["content"]


def test_a_streamed_hit_comes_at_once() -> None:
    body = {"prompt": "hello", "max_tokens": 20, "stream": True, "ignore_eos": True}
    with Endpoint("--cheat", "exact_cache", "--service-ms", "100", "--token-ms", "20") as endpoint:
        slow, fast = endpoint.ask(COMPLETION, body), endpoint.ask(COMPLETION, body)
    assert slow.seconds >= 0.5
    assert fast.seconds < 0.25
    assert slow.body.count(b"data: ") == fast.body.count(b"data: ") == 22


@pytest.mark.parametrize(("cheats", "computed"), [([], 6), (["--cheat", "coalescing"], 1)])
def test_identical_requests_in_flight_are_coalesced(cheats: list[str], computed: int) -> None:
    with Endpoint("--service-ms", "500", *cheats) as endpoint:
        answers = endpoint.together(VIDEO, [{"prompt": "a fox"}] * 6)
        stats = endpoint.stats()
    assert stats["computed"] == computed
    assert stats["completed"] == 6
    assert len({answer.json["video_id"] for answer in answers}) == computed


def test_truncated_outputs_are_shorter_and_cheaper() -> None:
    chat = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 20, "ignore_eos": True}
    with Endpoint() as honest, Endpoint("--cheat", "truncated_outputs=0.25") as cheating:
        usage = [endpoint.ask(CHAT, chat).json["usage"]["completion_tokens"] for endpoint in (honest, cheating)]
        sizes = [len(video_bytes(e.video("a fox", response_format="video_bytes"))) for e in (honest, cheating)]
    assert usage == [20, 5]
    assert sizes[1] < sizes[0] / 3


def test_preloaded_knows_the_built_in_prompts() -> None:
    with Endpoint("--cheat", "preloaded") as endpoint:
        endpoint.video("A red fox listens")
        endpoint.video("Nothing that anyone prepared for")
        assert endpoint.stats()["hits"] == 1


def _call(prompt: str) -> Call:
    body = {"prompt": prompt}
    return Call("completion", prompt, body, TextJob(prompt, 0, 2), meaning(COMPLETION, body))


def _serve(cheat: Cheat, prompts: str) -> str:
    """`h` and `c` for each letter of `prompts` served in turn: hit or computed."""

    async def compute(call: Call) -> Served:
        return Served(call.work())

    async def scene() -> str:
        answer = chain([cheat], compute)
        return "".join(["h" if (await answer(_call(prompt))).hit else "c" for prompt in prompts])

    return asyncio.run(scene())


@pytest.mark.parametrize(
    ("capacity", "prompts", "expected"),
    [(1, "aabba", "chchc"), (2, "abacab", "cchchc"), (2, "abcabc", "cccccc"), (3, "abcabc", "ccchhh")],
)
def test_the_least_recently_used_answer_goes(capacity: int, prompts: str, expected: str) -> None:
    assert _serve(Cache(capacity=capacity), prompts) == expected


def test_an_answer_lives_for_its_time_exactly() -> None:
    now = iter((0.0, 9.99, 10.0, 10.0, 19.0))
    # put at 0, looked up at 9.99 (hit) and 10.0 (too old), put at 10, looked up at 19 (hit)
    assert _serve(Cache(ttl_s=10, clock=lambda: next(now)), "aaaa") == "chch"


def test_a_partial_cache_serves_its_share_the_same_way_every_time() -> None:
    prompts = "a" * 400
    served = _serve(Cache(share=0.3, seed=5), prompts)
    assert 80 <= served.count("h") <= 160
    assert served == _serve(Cache(share=0.3, seed=5), prompts)
    assert served != _serve(Cache(share=0.3, seed=6), prompts)


def test_coalesced_clients_get_their_answer_though_the_first_goes_away() -> None:
    async def scene() -> Served:
        go = asyncio.Event()

        async def compute(call: Call) -> Served:
            await go.wait()
            return Served(call.work())

        answer = chain([CHEATS["coalescing"].make(0, None)], compute)  # type: ignore[arg-type]
        first, second = asyncio.ensure_future(answer(_call("a"))), asyncio.ensure_future(answer(_call("a")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        return await second

    assert asyncio.run(scene()).hit
