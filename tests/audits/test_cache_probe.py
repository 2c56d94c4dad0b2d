"""The cache probe: the plan, each kind of cache by its name, honest endpoints, and all about which nothing is said."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from auditcube.audits import cache_probe
from auditcube.audits.cache_probe import Params
from auditcube.audits.contract import Outcome, Refusal, Verdict
from auditcube.evidence.answers import KeptAnswer
from auditcube.evidence.events import Event, Status
from auditcube.load.order import Cell, Probe, Waves, WithoutReplacement
from auditcube.load.schedule import RunSpec, Schedule
from auditcube.metrics import Run
from auditcube.scenario import Scenario
from builders import S, end_of, event, load_of, planned, run_of, steady, table_of

ROWS = 248
Cost = Callable[[Cell, np.random.Generator], float]


def noisy(rng: np.random.Generator, variation: float = 0.05) -> float:
    """One request's time in seconds: log-normal about 1."""
    sigma = math.sqrt(math.log1p(variation**2))
    return math.exp(sigma * rng.standard_normal() - sigma**2 / 2)


def honest(cell: Cell, rng: np.random.Generator) -> float:
    return noisy(rng)


def plan(params: Params, scenario: Scenario = Scenario.OFFLINE, **load: Any) -> tuple[RunSpec, ...]:
    return cache_probe.plan(params, ROWS, load_of(scenario, **load))


def measured(
    params: Params,
    cost: Cost = honest,
    *,
    merged: float = 0.0,
    seed: int = 1,
    scenario: Scenario = Scenario.OFFLINE,
    tokens: Callable[[Cell], int | None] = lambda _: None,
) -> dict[str, Run]:
    """The runs of a probe: each request takes what `cost` says, one after the other; in a wave, half wait for the
    others, and in a wave of like requests less so by the share `merged`."""
    load = load_of(scenario, **({} if scenario is Scenario.SINGLE_STREAM else {"max_in_flight": 8}))
    rng, runs, now = np.random.default_rng(seed), {"reference": run_of(steady(100, 100 * S), load=load)}, 0
    for spec in cache_probe.plan(params, ROWS, load)[1:]:
        asked = planned(Schedule(spec, load, ROWS))
        events: list[Event] = []
        if isinstance(spec.order, Probe):
            for query, cell in zip(asked, spec.order.cells(load.seeds.order), strict=True):
                done = now + round(cost(cell, rng) * S)
                events.append(event(query.ordinal, issued=now, done=done, sample=query.sample, tokens_out=tokens(cell)))
                now = done
        elif isinstance(spec.order, Waves):
            for number, alike in enumerate(spec.order.alike(load.seeds.order)):
                wave = asked[number * spec.order.width : (number + 1) * spec.order.width]
                # On half as many slots as there are requests: the second half waits for the first.
                waits = 1 - merged if alike else 1.0
                halves = [place // (len(wave) // 2) for place in range(len(wave))]
                times = [round((noisy(rng, 0.02) + half * waits) * S) for half in halves]
                events += [
                    event(q.ordinal, issued=now, done=now + took, sample=q.sample)
                    for q, took in zip(wave, times, strict=True)
                ]
                now += max(times)
        runs[spec.label] = Run(spec, load, table_of(events))
    return runs


def judged(runs: dict[str, Run], params: Params | None = None) -> Verdict:
    verdict = cache_probe.judge(params or Params(), runs)
    json.dumps(verdict.to_json(), allow_nan=False)
    assert all(value is None or isinstance(value, (int, float, str)) for value in verdict.numbers.values())
    return verdict


def found(cost: Cost = honest, params: Params | None = None, **changes: Any) -> Verdict:
    params = params or Params()
    return judged(measured(params, cost, **changes), params)


# The plan.
def test_the_plan() -> None:
    assert plan(Params(), max_in_flight=8) == (
        RunSpec("reference", WithoutReplacement(), 100),
        RunSpec("cache_probe", Probe(32, 2), 256, capture=1.0, together=1),
        RunSpec("coalescing", Waves(16, 8), 256, together=8),
    )
    reference, probe, waves = plan(Params(samples=144, pairs=12, repeats=1, in_flight=4, waves=9, wave_size=5))
    assert (reference.queries, probe.queries, waves.queries) == (144, 60, 90)
    assert probe.order == Probe(12, 1, 4)


def test_in_single_stream_nothing_can_be_merged() -> None:
    assert [spec.label for spec in plan(Params(), Scenario.SINGLE_STREAM)] == ["reference", "cache_probe"]
    assert [spec.label for spec in plan(Params(waves=0))] == ["reference", "cache_probe"]


@pytest.mark.parametrize(
    ("params", "load", "message", "key"),
    [
        ({}, {"scenario": Scenario.SERVER}, "Server paces its arrivals", None),
        ({}, {"workers": 2}, "use load.workers: 1", None),
        ({"samples": 249}, {}, "249 distinct samples are more than the data set's 248 rows", "samples"),
        ({"pairs": 249}, {}, "249 rows are more than the data set's 248", "pairs"),
        ({"in_flight": 5}, {}, "5 rows side by side do not divide 32 pairs", "in_flight"),
        ({"in_flight": 16}, {"max_in_flight": 8}, "is 16, and load.max_in_flight 8", "in_flight"),
        ({"in_flight": 2}, {"scenario": Scenario.SINGLE_STREAM}, "is 2, and load.max_in_flight 1", "in_flight"),
        ({"wave_size": 9}, {"max_in_flight": 8}, "is 9, and load.max_in_flight 8", "wave_size"),
        ({}, {"max_in_flight": 1}, "no two requests can be merged; give waves: 0", "waves"),
        ({"gain": 0.03}, {}, "is 0.03, and must be less than gain", "tolerance"),
    ],
)
def test_a_plan_that_cannot_show_the_effect_is_refused(
    params: dict[str, Any], load: dict[str, Any], message: str, key: str | None
) -> None:
    with pytest.raises(Refusal, match=message) as caught:
        plan(Params(**params), **load)
    assert caught.value.key == key


@pytest.mark.parametrize(
    "params",
    [{"pairs": 1}, {"pairs": 501}, {"repeats": 0}, {"repeats": 5}, {"gain": 0.0}, {"tolerance": 1.0}, {"waves": -1},
     {"wave_size": 1}, {"in_flight": 0}, {"pairs": True}, {"max_error_share": 1.0}, {"gian": 0.1}],
)  # fmt: skip
def test_bad_settings(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params(**params)


# Caches, each by its name. What an endpoint answers from memory takes a hundredth of the time.
def cached(*arms: str, near: tuple[str, ...] = (), share: float = 1.0, hit: float = 0.01) -> Cost:
    def cost(cell: Cell, rng: np.random.Generator) -> float:
        told = cell.arm in arms or (cell.arm == "near" and cell.near in near)
        return noisy(rng) * (hit if told and rng.random() < share else 1)

    return cost


@pytest.mark.parametrize(
    ("cost", "code", "told"),
    [
        (cached("repeat", near=("again",)), "exact_cache", "answers are cached"),
        (cached("first", "repeat", near=("again",)), "exact_cache", "rows were ready when first asked for"),
        (cached("first", "repeat"), "prepared_answers", "answers were prepared"),
        (cached("first", "repeat", near=("seed",)), "prepared_answers", "answers were prepared"),
        (cached("repeat", near=("again", "seed")), "partial_key_cache", "though seed differed"),
        (cached("repeat", near=("again", "spaces", "case")), "partial_key_cache", "though spaces or case differed"),
        (cached("repeat", near=("again", "seed", "tail"), hit=0.3), "prefix_reuse", "those with another end"),
        (cached("repeat", near=("again",), share=0.33), "exact_cache", "of 64 at once"),
        (cached("repeat", near=("again",), share=0.15), None, "of 64 at once"),
        (cached("repeat", near=("again",), hit=1 / 1.15), None, "faster than new ones"),
    ],
)
@pytest.mark.parametrize("scenario", [Scenario.OFFLINE, Scenario.SINGLE_STREAM])
def test_a_cache_is_found_and_named(cost: Cost, code: str | None, told: str, scenario: Scenario) -> None:
    verdict = found(cost, scenario=scenario)
    assert verdict.outcome is Outcome.FAIL, verdict
    assert told in verdict.reason
    assert verdict.numbers["kind"] == verdict.code
    assert code in (None, verdict.code)


def test_hits_that_differ_a_little_are_hits_all_the_same() -> None:
    """What a proxy has served before is a little faster than what it has just stored."""

    def cost(cell: Cell, rng: np.random.Generator) -> float:
        return noisy(rng, 0.01) * {"first": 0.010, "repeat": 0.008, "again": 0.014}.get(cell.near or cell.arm, 1)

    assert found(cost).code == "exact_cache"


def test_a_cache_of_the_kind_that_adapts_is_found_at_four_rows() -> None:
    """Small m: a sample may take a minute."""
    verdict = found(cached("first", "repeat", near=("again",)), Params(pairs=4, waves=0))
    assert (verdict.outcome, verdict.numbers["requests"]) == (Outcome.FAIL, 20)


@pytest.mark.parametrize("merged", [0.3, 0.5, 1.0])
def test_merging_of_requests_in_flight_is_found(merged: float) -> None:
    verdict = found(merged=merged)
    assert (verdict.outcome, verdict.code) == (Outcome.FAIL, "coalescing")
    assert verdict.numbers["coalescing_mean_gain"] == pytest.approx(2 / (2 - merged) - 1, rel=0.2)


def test_the_gain_is_that_of_the_cache() -> None:
    verdict = found(cached("repeat", near=("again",), hit=1 / 1.5))
    numbers = verdict.numbers
    assert numbers["repeat_gain_low"] < 0.5 < numbers["repeat_gain_high"]
    assert numbers["repeat_gain"] == pytest.approx(0.5, abs=0.06)
    assert numbers["first_gain_low"] < 0 < numbers["first_gain_high"]
    assert (numbers["repeat_pairs"], numbers["first_pairs"], numbers["coalescing_pairs"]) == (64, 32, 16)


# Honest endpoints.
def by_row(cell: Cell, rng: np.random.Generator) -> float:
    return noisy(rng) * (1 + cell.sample % 7)


def drifting(cell: Cell, rng: np.random.Generator) -> float:
    return noisy(rng) * (3 - 2 * cell.sample / 32)


@pytest.mark.parametrize("cost", [honest, by_row, drifting])
def test_an_honest_endpoint_passes_and_hears_what_would_have_been_found(cost: Cost) -> None:
    verdict = found(cost)
    assert (verdict.outcome, verdict.code) == (Outcome.PASS, "no_caching")
    assert "160 requests that a cache could have answered were no faster" in verdict.reason
    assert "a gain of 15% would have been found" in verdict.reason
    assert verdict.numbers["smallest_gain"] < 0.15


def test_what_was_not_looked_for_is_told() -> None:
    assert "merging of requests in flight was not looked for" in found(scenario=Scenario.SINGLE_STREAM).reason


@pytest.mark.parametrize(("pairs", "needed"), [(4, 31), (12, 31), (30, 31)])
def test_few_pairs_exclude_nothing_and_the_reason_says_how_many_would(pairs: int, needed: int) -> None:
    verdict = found(params=Params(pairs=pairs, waves=0))
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, "too_noisy")
    assert verdict.numbers["needed_pairs"] == needed
    assert f"about {needed} pairs would do" in verdict.reason
    assert found(params=Params(pairs=needed, waves=0)).outcome is Outcome.PASS


def test_a_larger_gain_is_excluded_by_fewer_pairs() -> None:
    assert found(params=Params(pairs=12, waves=0, gain=0.5)).outcome is Outcome.PASS


def test_noise_excludes_nothing() -> None:
    verdict = found(lambda cell, rng: noisy(rng, 0.5))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert 100 < verdict.numbers["needed_pairs"] < 1000
    assert verdict.numbers["noise_cv"] == pytest.approx(0.47, abs=0.1)


@pytest.mark.parametrize("variation", [0.02, 0.1, 0.5, 1.5])
def test_nobody_is_accused_of_noise(variation: float) -> None:
    outcomes = [found(lambda cell, rng: noisy(rng, variation), seed=seed).outcome for seed in range(60)]
    assert Outcome.FAIL not in outcomes


def test_an_endpoint_that_is_fast_now_and_then_is_not_accused() -> None:
    """A tenth of its answers, whatever was asked: new requests come out of all proportion as well."""
    outcomes = [
        found(lambda cell, rng: noisy(rng) * (0.02 if rng.random() < 0.1 else 1), seed=seed).outcome
        for seed in range(60)
    ]
    assert Outcome.FAIL not in outcomes


@pytest.mark.parametrize("sigma", [0.3, 0.8])
def test_texts_that_differ_in_cost_are_no_cache(sigma: float) -> None:
    """A model says much to one text and little to another, and to the same text always as much; nobody counts."""

    def outcome(seed: int) -> Outcome:
        texts: dict[tuple[int, int], float] = {}

        def cost(cell: Cell, rng: np.random.Generator) -> float:
            own = cell.arm in ("first", "repeat")
            text = (cell.sample, -1 if own else 0 if cell.near == "again" else int(rng.integers(1, 2**60)))
            if cell.arm == "novel" and cell.part == 0:
                text = (cell.sample, 0)
            return noisy(rng) * texts.setdefault(text, math.exp(sigma * rng.standard_normal()))

        verdict = found(cost, seed=seed)
        assert verdict.numbers["uneven_texts"] is True
        assert verdict.outcome is not Outcome.INCONCLUSIVE or "answers of equal length" in verdict.reason
        return verdict.outcome

    assert Outcome.FAIL not in [outcome(seed) for seed in range(40)]


def test_rows_that_wait_for_each_other_hide_a_gain_and_no_verdict_says_that_there_is_none() -> None:
    """Eight side by side on two slots: the last of a round waits for three times its service."""
    params = Params(in_flight=8, waves=0)
    places = iter(range(10**9))

    def queued(cell: Cell, rng: np.random.Generator) -> float:
        served = noisy(rng, 0.1) * (1 / 1.15 if cell.arm == "repeat" else 1)
        return served + next(places) % 8 // 2

    verdict = found(queued, params)
    assert verdict.outcome is not Outcome.PASS
    assert verdict.numbers["waiting"] == pytest.approx(2.5, abs=0.2)
    assert verdict.outcome is Outcome.FAIL or "fewer than 8 rows side by side" in verdict.reason


def test_longer_answers_to_salted_requests_are_no_cache() -> None:
    """Time goes with tokens, and a salt makes this model talk: times differ by half, times per token do not."""

    def spoken(cell: Cell) -> int:
        return 100 if cell.arm in ("first", "repeat") else 150

    def cost(cell: Cell, rng: np.random.Generator) -> float:
        return noisy(rng) * spoken(cell) / 100

    assert found(cost).outcome is Outcome.FAIL
    assert found(cost, tokens=spoken).outcome is Outcome.INCONCLUSIVE
    caught = found(cached("repeat", near=("again",)), tokens=spoken)
    assert (caught.outcome, caught.code) == (Outcome.FAIL, "exact_cache")


# About what nothing is said.
def inconclusive(runs: dict[str, Run], code: str) -> str:
    verdict = judged(runs)
    assert (verdict.outcome, verdict.code) == (Outcome.INCONCLUSIVE, code)
    return verdict.reason


@pytest.mark.parametrize("label", ["reference", "cache_probe", "coalescing"])
def test_a_run_that_was_not_made_or_broke_off(label: str) -> None:
    runs = measured(Params())
    assert label in inconclusive({name: run for name, run in runs.items() if name != label}, "run_missing")
    broken = replace(runs[label], events=replace(runs[label].events.whole(), ends=(end_of(5, "interrupted"),)))
    assert label in inconclusive({**runs, label: broken}, "run_broken")


@pytest.mark.parametrize("label", ["cache_probe", "coalescing"])
def test_failures_and_gaps_are_no_evidence(label: str) -> None:
    runs = measured(Params())
    events = runs[label].events.whole()
    status = events.status.copy()
    status[:40] = 1
    runs_failed = {**runs, label: replace(runs[label], events=replace(events, status=status))}
    assert f"40 of {len(events)} queries of the {label} run failed" in inconclusive(runs_failed, "too_many_errors")
    few = [event(n, done=S) for n in range(20)]
    cut = replace(runs[label], events=table_of(few, ends=[end_of(20, "max_duration")]))
    inconclusive({**runs, label: cut}, "too_few_completed")


def test_a_row_that_failed_once_is_left_out() -> None:
    params = Params(max_error_share=0.02)
    runs = measured(params)
    probe = runs["cache_probe"]
    events = probe.events.whole()
    status = events.status.copy()
    status[7] = 1
    verdict = judged({**runs, "cache_probe": replace(probe, events=replace(events, status=status))}, params)
    assert verdict.numbers["pairs"] == 31


def test_a_run_of_another_plan_is_no_probe() -> None:
    runs = measured(Params())
    inconclusive({**runs, "cache_probe": replace(runs["reference"], spec=runs["reference"].spec)}, "not_timed")


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(2, 6), st.sampled_from([1, 2]))
def test_whatever_the_events_a_verdict_holds_no_nan_and_a_pass_has_evidence(
    data: st.DataObject, pairs: int, width: int
) -> None:
    params = Params(pairs=pairs * width, repeats=1, in_flight=width, waves=2, gain=5.0, max_error_share=0.9)
    load = load_of(max_in_flight=2)
    runs = {"reference": run_of(steady(100, S), load=load)}
    times = st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(Status))
    for spec in cache_probe.plan(params, ROWS, load)[1:]:
        rows = data.draw(st.lists(times, max_size=spec.queries))
        events = [event(n, issued=at, done=at + took, status=status) for n, (at, took, status) in enumerate(rows)]
        runs[spec.label] = Run(spec, load, table_of(events))
    verdict = judged(runs, params)
    if verdict.outcome is not Outcome.INCONCLUSIVE:
        assert runs["cache_probe"].completed >= 0.9 * runs["cache_probe"].requested


# What was answered.
def answering(runs: dict[str, Run], text: Callable[[int, Cell], bytes | None], **parameters: Any) -> dict[str, str]:
    probe = runs["cache_probe"]
    assert isinstance(probe.spec.order, Probe)
    cells = probe.spec.order.cells(probe.load.seeds.order)
    kept = [KeptAnswer(n, cell.sample, text(n, cell)) for n, cell in enumerate(cells)]
    answered = replace(probe, kept=lambda: iter(kept), parameters=parameters)
    return {remark.code: remark.text for remark in judged({**runs, "cache_probe": answered}).remarks}


def test_answers_that_are_the_same_are_told_with_what_would_explain_them() -> None:
    runs = measured(Params())

    def all_new(ordinal: int, cell: Cell) -> bytes:
        return f"{ordinal}".encode()

    def by_text(ordinal: int, cell: Cell) -> bytes:
        return f"{cell.sample} {ordinal if cell.arm in ('novel', 'near') else ''}".encode()

    assert answering(runs, all_new) == {}
    assert answering(runs, lambda ordinal, cell: None) == {}
    told = answering(runs, lambda ordinal, cell: b"always", temperature=0)
    assert told.keys() == {"new_requests_answered_alike"}
    assert "96 of 96 answers to new requests are the same" in told["new_requests_answered_alike"]
    assert answering(runs, by_text, temperature=0.7, seed=3) == {}
    told = answering(runs, by_text, temperature=0.7)
    assert "64 of 64 repeats were answered byte by byte as before; at temperature 0.7" in told["repeats_answered_alike"]
    assert "neither seed nor temperature" in answering(runs, by_text)["repeats_answered_alike"]
