"""The main job on a real server: what it sends, which cheats it finds, and whom it must not accuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import (
    Server,
    audit,
    audit_here,
    events,
    job,
    prompts,
    records,
    remarks,
    sidecar,
    statuses,
    summary,
    verdict,
    verified,
    write_rows,
)


def test_the_endpoint_counts_exactly_the_planned_requests(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url, audit_samples=30, sample_index=5)
    honest.reset()
    done = audit(config, tmp_path / "out")
    assert done.code == 0, done.err
    stats = honest.stats()
    fixed = prompts()[5]["prompt"]
    once = [prompt for prompt, count in stats["by_prompt"].items() if count == 1]
    assert (stats["requests"], stats["completed"]) == (24 + 30, 24 + 30)
    assert (stats["distinct"], len(once)) == (24, 23)
    assert stats["by_prompt"][fixed] == 30 + 1
    for label, planned in (("reference", 24), ("test04", 30)):
        told = summary(tmp_path / "out", label)["queries"]
        assert (told["planned"], told["issued"], told["completed"], told["failed"]) == (planned, planned, planned, {})
    # In SingleStream, and again on the same endpoint: the same requests in the same order.
    single = job(tmp_path, honest.url, {"scenario": "SingleStream", "load": {"max_in_flight": None}}, samples=6)
    honest.reset()
    assert audit_here(single, tmp_path / "single").code == 0
    stats = honest.stats()
    assert (stats["requests"], stats["distinct"], stats["max_in_flight"]) == (12, 6, 1)


def test_warm_up_queries_are_salted_and_never_measured(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url, {"load": {"warmup_queries": 10}})
    honest.reset()
    assert audit_here(config, tmp_path / "out").code == 0
    stats = honest.stats()
    known = {row["prompt"] for row in prompts()}
    strange = {prompt: count for prompt, count in stats["by_prompt"].items() if prompt not in known}
    assert stats["requests"] == 10 + 24 + 24
    assert sum(strange.values()) == len(strange) == 10
    assert stats["distinct"] == 10 + 24
    assert [path for path in sidecar(tmp_path / "out")["result_paths"] if "warmup" in path] == []
    assert {entry["metric"] for entry in sidecar(tmp_path / "out")["headline"]} == {
        "reference.throughput",
        "test04.throughput",
    }


@pytest.mark.parametrize("cheat", ["prompt_cache", "lru_cache=40", "ttl_cache=60", "coalescing", "partial_cache=0.5"])
def test_a_cheat_is_found(tmp_path: Path, cheat: str) -> None:
    with Server("--cheat", cheat) as server:
        command = audit if cheat == "prompt_cache" else audit_here
        done = command(job(tmp_path, server.url, threshold=None, samples=40), tmp_path / "out")
        hits = server.stats()["hits"]
    assert (done.code, verdict(tmp_path / "out")["code"]) == (1, "caching"), done.out
    assert "FAIL" in done.out
    assert hits > 10


@pytest.mark.parametrize(
    "nuisances", [["jitter=0.05"], ["slow_first_byte=20", "close_after_each"], ["byte_at_a_time=200"]], ids=" ".join
)
def test_an_honest_endpoint_is_not_accused(tmp_path: Path, nuisances: list[str]) -> None:
    switches = [part for nuisance in nuisances for part in ("--nuisance", nuisance)]
    with Server(*switches, service_ms=50) as server:
        done = audit_here(job(tmp_path, server.url), tmp_path / "out")
        stats = server.stats()
    assert done.code == 0, done.out + done.err
    assert (stats["completed"], stats["hits"]) == (48, 0)


def test_a_cache_that_was_filled_before_escapes_test04(tmp_path: Path) -> None:
    """A documented limit: both phases are answered from it. The service time outside of a slot stands for the wire."""
    known = write_rows(tmp_path / "prompts.jsonl", prompts())
    with Server("--cheat", "preloaded", "--preload", str(known), "--nuisance", "slow_first_byte=150") as server:
        done = audit_here(job(tmp_path, server.url, threshold=0.9), tmp_path / "out")
        assert server.stats()["hits"] == 48
    assert done.code == 0, done.out


def test_a_warm_up_is_remarked_upon_and_mended(tmp_path: Path) -> None:
    """Cold, an honest endpoint fails TEST04; the remark says why, and warm-up queries are the cure."""
    for warmup, outcome, code in ((0, "FAIL", 1), (32, "PASS", 0)):
        with Server("--nuisance", "warm_up=32", service_ms=60) as server:
            config = job(tmp_path, server.url, {"load": {"warmup_queries": warmup}}, samples=32, threshold=0.5)
            output = tmp_path / str(warmup)
            assert (audit_here(config, output).code, verdict(output)["outcome"]) == (code, outcome)
    assert "load.warmup_queries" in remarks(tmp_path / "0")["reference_drift"]
    assert summary(tmp_path / "32", "warmup")["queries"]["completed"] == 32


def test_a_dear_sample_is_remarked_upon(tmp_path: Path) -> None:
    rows = prompts()
    rows[7] = {"prompt": " ".join(["a very long prompt"] * 10)}
    write_rows(tmp_path / "prompts.jsonl", rows)
    with Server("--nuisance", "cost_by_length=10", service_ms=40) as server:
        changes = {"scenario": "SingleStream", "load": {"max_in_flight": None}}
        assert audit_here(job(tmp_path, server.url, changes, samples=8, sample_index=7), tmp_path / "out").code == 0
    text = remarks(tmp_path / "out")["fixed_sample_cost"]
    assert "unequal cost" in text
    assert "sample 7" in text


def test_equal_seeds_make_equal_schedules(honest: Server, audited: Path, tmp_path: Path) -> None:
    def digests(output: Path) -> dict[str, Any]:
        paths = sorted(output.glob("runs/*/schedule.json"))
        return {path.parent.name: json.loads(path.read_text())["schedule_sha256"] for path in paths}

    again = job(tmp_path, honest.url, {"load": {"warmup_queries": 4}})
    assert audit_here(again, tmp_path / "again").code == 0
    assert digests(tmp_path / "again") == digests(audited)
    assert sidecar(tmp_path / "again")["seeds"] == sidecar(audited)["seeds"]
    other = job(tmp_path, honest.url, {"load": {"warmup_queries": 4, "seeds": {"order": 43}}})
    assert audit_here(other, tmp_path / "other").code == 0
    changed = digests(tmp_path / "other")
    assert changed["reference"] != digests(audited)["reference"]
    assert changed["test04"] == digests(audited)["test04"]
    order = [event["sample"] for event in sorted(events(tmp_path / "again", "reference"), key=lambda e: e["ordinal"])]
    assert order == [event["sample"] for event in sorted(events(audited, "reference"), key=lambda e: e["ordinal"])]


def test_two_workers_share_every_run(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url, {"load": {"workers": 2, "warmup_queries": 3}}, samples=25)
    honest.reset()
    done = audit_here(config, tmp_path / "out", "--json")
    assert (done.code, done.json["verdicts"][0]["outcome"]) == (0, "PASS")
    assert honest.stats()["requests"] == 3 + 25 + 25
    for label, queries in (("warmup", 3), ("reference", 25), ("test04", 25)):
        assert sorted(event["ordinal"] for event in events(tmp_path / "out", label)) == list(range(queries))
        starts = [record["start"]["worker"] for record in records(tmp_path / "out", label) if "start" in record]
        assert starts == [0, 1] or starts == [1, 0]
        assert statuses(tmp_path / "out", label) == {"ok": queries}
    assert verified(tmp_path / "out").exit_code == 0


def test_every_listed_number_is_in_the_file_it_names(audited: Path) -> None:
    for entry in sidecar(audited)["headline"]:
        value = json.loads((audited / entry["source"]["path"]).read_text())
        for part in entry["source"]["json_pointer"].strip("/").split("/"):
            value = value[part]
        assert float(entry["value"]) == value
    for path in sidecar(audited)["result_paths"]:
        assert (audited / path).is_file()
    assert "Performance check pass: True" in (audited / "audit/verify_TEST04.txt").read_text()
