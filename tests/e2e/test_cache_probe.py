"""The cache probe against the demo endpoint: every cache is found, by its name; nobody else is accused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditcube.demo.nuisances import NUISANCES
from bundles import Bundle
from e2e.commands import (
    Server,
    audit,
    audit_here,
    auditcube,
    events,
    job,
    prompts,
    summary,
    verdict,
    verified,
    write_rows,
)

PROBE = {"test": "cache_probe", "samples": 40, "pairs": 32, "waves": 12}
# What the endpoint does that no answer can be cached by: these make errors, or no answers at all.
BREAKING = {"errors", "error_status", "stall", "die_after", "malformed"}


def probing(folder: Path, url: str, changes: dict[str, Any] | None = None, **params: Any) -> Path:
    return job(folder, url, {"audits": [{**PROBE, **params}], **(changes or {})})


@pytest.mark.parametrize(
    ("cheat", "codes"),
    [
        ("exact_cache", {"exact_cache"}),
        ("prompt_cache", {"partial_key_cache"}),
        ("lru_cache=40", {"exact_cache"}),
        ("ttl_cache=60", {"exact_cache"}),
        ("partial_cache=0.5", {"exact_cache", "cache"}),
    ],
)
def test_a_cache_is_found_and_named(tmp_path: Path, cheat: str, codes: set[str]) -> None:
    with Server("--cheat", cheat) as server:
        command = audit if cheat == "exact_cache" else audit_here
        done = command(probing(tmp_path, server.url), tmp_path / "out")
    assert done.code == 1, done.out + done.err
    assert verdict(tmp_path / "out")["code"] in codes, verdict(tmp_path / "out")
    assert verified(tmp_path / "out").exit_code == 1


def test_merging_of_requests_in_flight_is_found(tmp_path: Path) -> None:
    """By waves that last long enough to stand out of what a busy machine adds, and enough of them: the demo endpoint's
    threads wake up in an order of their own, and one wave in ten is served from its end."""
    with Server("--cheat", "coalescing", service_ms=60) as server:
        done = audit_here(probing(tmp_path, server.url, pairs=8, waves=40), tmp_path / "out")
    assert (done.code, verdict(tmp_path / "out")["code"]) == (1, "coalescing"), done.out


def test_answers_that_were_prepared_escape_test04_and_are_found(tmp_path: Path) -> None:
    known = write_rows(tmp_path / "known.jsonl", prompts())
    with Server("--cheat", "preloaded", "--preload", str(known)) as server:
        done = audit_here(probing(tmp_path, server.url), tmp_path / "out")
    assert (done.code, verdict(tmp_path / "out")["code"]) == (1, "prepared_answers"), done.out


@pytest.mark.parametrize("api", ["openai_chat", "openai_completions"])
def test_a_cache_of_texts_is_found_with_rows_side_by_side(tmp_path: Path, api: str) -> None:
    parameters = {"max_tokens": 20, "min_tokens": 20, "temperature": 0.7}
    changes = {"endpoint": {"api": api, "parameters": parameters}}
    with Server("--cheat", "exact_cache") as server:
        done = audit_here(probing(tmp_path, server.url, changes, in_flight=4, waves=0), tmp_path / "out")
    assert (done.code, verdict(tmp_path / "out")["code"]) == (1, "exact_cache"), done.out
    assert [r["code"] for r in verdict(tmp_path / "out")["remarks"]] == ["repeats_answered_alike"]


@pytest.mark.parametrize("nuisance", [None, *sorted(NUISANCES.keys() - BREAKING)])
def test_an_honest_endpoint_is_not_accused(tmp_path: Path, nuisance: str | None) -> None:
    values = {"warm_up": "=100", "jitter": "=0.1", "slow_first_byte": "=20"}
    switches = [] if nuisance is None else ["--nuisance", nuisance + values.get(nuisance, "")]
    with Server(*switches) as server:
        done = audit_here(probing(tmp_path, server.url), tmp_path / "out")
        hits = server.stats()["hits"]
    print(nuisance, verdict(tmp_path / "out")["reason"])
    assert done.code in (0, 6), done.out
    assert hits == 0


@pytest.mark.parametrize("counted", [True, False])
def test_answers_of_uneven_length_are_no_cache(tmp_path: Path, counted: bool) -> None:
    """A tenth of a second here, a fifth there: as long as what the model says to a text, counted or not."""
    stream = {} if counted else {"stream": True}
    changes = {"endpoint": {"api": "openai_completions", "parameters": {"max_tokens": 300, **stream}}}
    with Server("--token-ms", "0.5") as server:
        done = audit_here(probing(tmp_path, server.url, changes, waves=6, wave_size=8), tmp_path / "out")
    assert done.code in (0, 6), done.out
    assert verdict(tmp_path / "out")["numbers"]["uneven_texts"] is True


@pytest.mark.parametrize("nuisance", ["errors=0.2", "malformed=0.2"])
def test_broken_answers_are_no_evidence(tmp_path: Path, nuisance: str) -> None:
    with Server("--cheat", "exact_cache", "--nuisance", nuisance) as server:
        done = audit_here(probing(tmp_path, server.url, waves=0), tmp_path / "out")
    assert (done.code, verdict(tmp_path / "out")["code"]) == (6, "too_many_errors")


def test_in_single_stream_one_request_follows_the_other(tmp_path: Path) -> None:
    changes = {"scenario": "SingleStream", "load": {"max_in_flight": None}}
    with Server("--cheat", "exact_cache") as server:
        done = audit_here(probing(tmp_path, server.url, changes, pairs=4, samples=10), tmp_path / "out")
        stats = server.stats()
    assert done.code == 1, done.out
    assert stats["max_in_flight"] == 1
    assert stats["requests"] == 10 + 4 * 8


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probed")
    with Server("--cheat", "exact_cache") as server:
        done = audit_here(probing(folder, server.url, pairs=8, waves=4, wave_size=4), folder / "out")
    assert done.code == 1, done.out
    return folder / "out"


def test_the_plan_is_kept_one_row_after_the_other(probed: Path) -> None:
    sent = sorted(events(probed, "cache_probe"), key=lambda record: record["ordinal"])
    assert len(sent) == 64
    assert all(one["done_ns"] <= other["issued_ns"] for one, other in zip(sent, sent[1:], strict=False))
    waves = sorted(events(probed, "coalescing"), key=lambda record: record["ordinal"])
    for start in range(4, len(waves), 4):
        before, after = waves[start - 4 : start], waves[start : start + 4]
        assert max(record["done_ns"] for record in before) <= min(record["issued_ns"] for record in after)
    assert summary(probed, "cache_probe")["queries"]["completed"] == 64


@pytest.mark.parametrize("change", [{"salt": "0123456789ab"}, {"salt": None}, {"sample": 0}])
def test_another_request_than_the_plan_says_is_rejected(probed: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """Also where all digests were made anew."""
    bundle = Bundle.copied(probed, tmp_path / "out")

    def defect(records: list[dict[str, Any]]) -> None:
        record = next(record for record in records if "salt" in record)
        record |= change
        if record["salt"] is None:
            del record["salt"]

    bundle.records("runs/cache_probe/events.jsonl", defect)
    done = auditcube("verify", bundle.root)
    assert done.code == 5
    assert "the plan says otherwise" in done.out
