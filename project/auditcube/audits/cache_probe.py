"""The cache probe: a randomised, controlled experiment that looks for every kind of cache, and accuses nobody falsely.

Each of `pairs` rows is asked for as it is, again, and nearly the same, each time beside the same row with a salt that
makes it new to the endpoint. Chance decides which goes first, so that drift, load and what a row costs are the same on
both sides: what is left is what a cache gains. A second run sends waves of like requests beside waves of different
ones, which shows whether requests in flight are answered together.

FAIL: a contrast shows a gain beyond `tolerance` (squares of signed ranks, exact, with Holm's correction over the
contrasts), or answers come so fast that no new request came near (a cache that answers a part of its hits). PASS: a
gain of `gain` is excluded in every contrast. INCONCLUSIVE: neither; the reason says how many pairs would do.

Where tokens are counted and not all counts are equal, the time per token must show a gain as well: a salt may change
what a model says and how long it is, or have more tokens than the word that it stands for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from auditcube.audits.contract import REFERENCE, AuditParams, Evidence, Outcome, Refusal, Remark, Verdict, unusable
from auditcube.load.order import AGAIN, Probe, Waves, WithoutReplacement
from auditcube.load.schedule import Load, RunSpec
from auditcube.paired import Floats, least_pairs, share_below
from auditcube.probed import COALESCING, LEVEL, Contrast, Found, find, quantile
from auditcube.scenario import Scenario

TITLE = "any caching: requests that a cache could answer beside ones that none could"
AUDIT = "cache_probe"
_ALPHA = 0.01  # of all contrasts together
# Of the bound on the share of rows that were ready: 32 rows, none of which is, then exclude a gain of 15 %.
_SHARE_LEVEL = 0.985
_HITS = 3  # answers out of all proportion that are a cache; two could be a machine's hiccup
_CLEARLY = 2.5  # standard errors: of what a kind is named by, once there is a cache
_MOST_OF = 0.7  # of a gain that is missing, where a kind does not gain
_BOUNDLESS = math.log(1000)
_MUCH_WAITING = 1.5
_NOT_EXCLUDED = ("known", "near")  # by a PASS: what gains there gains in another contrast
_MOST_ROWS = 500


class Params(AuditParams):
    """Settings of the cache probe."""

    samples: int | None = Field(
        default=None, ge=1, description="distinct samples in the reference run; null: load.min_queries"
    )
    pairs: int = Field(default=32, ge=2, le=_MOST_ROWS, description="rows that are probed")
    repeats: int = Field(default=2, ge=1, le=4, description="how often each is asked for again")
    in_flight: int = Field(default=1, ge=1, description="rows that are probed side by side; must divide pairs")
    waves: int = Field(
        default=16, ge=0, le=_MOST_ROWS, description="pairs of waves of like and of different requests; 0: none"
    )
    wave_size: int | None = Field(default=None, ge=2, description="requests of a wave; null: load.max_in_flight")
    gain: float = Field(default=0.15, gt=0, lt=10, description="gain that must be excluded for a PASS")
    tolerance: float = Field(default=0.03, ge=0, lt=1, description="gain up to which nobody is accused")
    max_error_share: float = Field(
        default=0.01, ge=0, lt=1, description="share of failed queries above which nothing is said"
    )


def plan(params: Params, dataset_size: int, load: Load) -> tuple[RunSpec, ...]:
    """The reference, which fills a cache that there is; the probe; where queries go together, the waves."""
    _check(params, dataset_size, load)
    samples = params.samples or load.min_queries
    if samples > dataset_size:
        raise Refusal(f"{samples} distinct samples are more than the data set's {dataset_size} rows", "samples")
    probe = Probe(params.pairs, params.repeats, params.in_flight)
    specs = [
        RunSpec(REFERENCE, WithoutReplacement(), samples),
        RunSpec(AUDIT, probe, probe.queries, capture=1.0, together=params.in_flight),
    ]
    if _looks_for_merging(params, load.scenario):
        waves = Waves(params.waves, params.wave_size or load.max_in_flight or 2)
        specs.append(RunSpec(COALESCING, waves, waves.queries, together=waves.width))
    return tuple(specs)


def _check(params: Params, dataset_size: int, load: Load) -> None:
    """Raises Refusal for a load, or for settings, that cannot show the effect."""
    if load.scenario.paced:
        raise Refusal(f"{load.scenario.value} paces its arrivals, and a probe has its own; use Offline or SingleStream")
    if load.workers > 1:
        raise Refusal("the probe's requests wait for each other, which several workers cannot; use load.workers: 1")
    if params.tolerance >= params.gain:
        raise Refusal(f"is {params.tolerance}, and must be less than gain ({params.gain})", "tolerance")
    if params.pairs > dataset_size:
        raise Refusal(f"{params.pairs} rows are more than the data set's {dataset_size}", "pairs")
    if params.pairs % params.in_flight:
        raise Refusal(f"{params.in_flight} rows side by side do not divide {params.pairs} pairs", "in_flight")
    most = load.max_in_flight or 1
    if params.in_flight > most:
        raise Refusal(f"is {params.in_flight}, and load.max_in_flight {most}", "in_flight")
    if _looks_for_merging(params, load.scenario) and (params.wave_size or most) > most:
        raise Refusal(f"is {params.wave_size}, and load.max_in_flight {most}", "wave_size")
    if _looks_for_merging(params, load.scenario) and most == 1:
        raise Refusal("load.max_in_flight is 1, so that no two requests can be merged; give waves: 0", "waves")


def _looks_for_merging(params: Params, scenario: Scenario) -> bool:
    """SingleStream has one query in flight, and nothing to merge it with."""
    return params.waves > 0 and scenario is not Scenario.SINGLE_STREAM


def judge(params: Params, runs: Mapping[str, Evidence]) -> Verdict:
    """First whether anything can be said, then whether a cache was found, then whether it is excluded."""
    merging = AUDIT in runs and _looks_for_merging(params, runs[AUDIT].scenario)
    labels = (REFERENCE, AUDIT, *((COALESCING,) if merging else ()))
    if (problem := unusable(runs, *labels)) is not None:
        return _inconclusive(*problem, {})
    for label in labels:
        run = runs[label]
        if run.failed > params.max_error_share * run.issued:
            told = f"{run.failed} of {run.issued} queries of the {label} run failed"
            return _inconclusive("too_many_errors", told, {})
    timed, waves = runs[AUDIT].timed(), runs[COALESCING].timed() if merging else None
    if timed is None or not isinstance(timed.order, Probe) or (merging and waves is None):
        return _inconclusive("not_timed", "nothing tells when each query was answered", {})
    found = find(timed, waves)
    if found is None:
        return _inconclusive("too_few_completed", "too few rows were answered in all their parts", {})
    return _judged(params, found, runs[AUDIT])


def _judged(params: Params, found: Found, run: Evidence) -> Verdict:
    faster = _faster(params, found)
    numbers = _numbers(params, found)
    remarks = tuple(_remarks(run))
    if faster:
        code, text = _named(found, faster)
        return Verdict(Outcome.FAIL, code, text, {**numbers, "kind": code}, remarks)
    if needed := _limits(params, found):
        numbers["needed_pairs"] = max(needed.values())
        told = ", ".join(f"{count} {what}" for what, count in needed.items())
        reason = f"a gain of {params.gain:.0%} is not excluded; about {told} would do, if nothing is found then"
        if found.uneven:
            reason += "; or answers of equal length, since texts differ in cost"
        if numbers["waiting"] >= _MUCH_WAITING:
            reason += f"; or fewer than {params.in_flight} rows side by side, which wait for each other"
        return Verdict(Outcome.INCONCLUSIVE, "too_noisy", reason, numbers, remarks)
    merging = "" if found.contrast(COALESCING) else "; merging of requests in flight was not looked for"
    told = f"{numbers['requests']} requests that a cache could have answered were no faster than ones that none could"
    sure = f"a gain of {math.ceil(100 * numbers['smallest_gain'])}% would have been found"
    return Verdict(Outcome.PASS, "no_caching", f"{told}; {sure}{merging}", numbers, remarks)


# What it means.


def _faster(params: Params, found: Found) -> list[str]:
    """The contrasts that show a gain beyond the tolerance: by Holm's rule, or by their hits."""
    p_values = {contrast.name: contrast.p_value(params.tolerance) for contrast in found.contrasts}
    names = []
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        if p_values[name] > _ALPHA / (len(p_values) - place):
            break
        names.append(name)
    hits = {contrast.name: contrast.hit for contrast in found.contrasts}
    if hits["known"] >= _HITS or hits["near"] >= _HITS:
        names += [name for name, count in hits.items() if count and name not in names]
    return names


def _limits(params: Params, found: Found) -> dict[str, int]:
    """How many of what would exclude `gain`, where it is not excluded; empty if it is."""
    bound = math.log1p(params.gain)
    needed: dict[str, int] = {}
    for contrast in found.contrasts:
        if contrast.name in _NOT_EXCLUDED or contrast.high < bound:
            continue
        what = "waves" if contrast.name == COALESCING else "pairs"
        units = params.waves if what == "waves" else found.rows
        error = contrast.error
        most = (
            units * ((quantile(LEVEL) + quantile(0.9)) * error * contrast.waiting / bound) ** 2
            if math.isfinite(error)
            else 0.0
        )
        count = max(math.ceil(most), least_pairs(LEVEL), units + 1)
        needed[what] = max(needed.get(what, 0), count)
    share = params.gain / (1 + params.gain)
    rows = found.rows
    while share_below(found.rows_hit, rows, _SHARE_LEVEL) >= share:
        rows += 1
    if rows > found.rows:
        needed["pairs"] = max(needed.get("pairs", 0), rows)
    return needed


def _smallest_gain(params: Params, found: Found) -> float | None:
    """The smallest gain that would have been found for sure: the same for every hit, or of a share of the rows; None
    where none would have been, however large."""
    level = 1 - _ALPHA / len(found.contrasts)
    errors = {contrast.name: contrast.error for contrast in found.contrasts}
    # What gains when it is first asked for gains when it is asked for again, too.
    error = max(min(errors["repeat"], errors["known"]), errors.get(COALESCING, 0.0))
    even = found.contrasts[0].stretched(math.log1p(params.tolerance) + (quantile(level) + quantile(LEVEL)) * error)
    ready = share_below(0, found.rows, _SHARE_LEVEL)
    return max(math.expm1(even), ready / (1 - ready)) if even < _BOUNDLESS else None


def _named(found: Found, faster: list[str]) -> tuple[str, str]:
    """The kind of cache, as a code and a sentence."""
    if faster == [COALESCING]:
        contrast = found.contrast(COALESCING)
        assert contrast is not None
        text = f"waves of like requests were answered {_compared(contrast.mean_gain)} waves of different ones"
        return "coalescing", f"{text}; requests in flight are answered together"
    repeat, first = found.contrast("repeat"), found.contrast("first")
    assert repeat is not None
    assert first is not None
    like = [kind for kind, logs in found.kinds.items() if _gains(logs, repeat, found.noise)]
    strongest = max((first, repeat), key=lambda contrast: contrast.mean_gain)
    told = f"requests that a cache could answer were answered {_compared(strongest.mean_gain)} new ones"
    if 0 < strongest.hit < strongest.hits.size / 2:
        told += f" ({strongest.hit} of {strongest.hits.size} at once)"
    ready = "; rows were ready when first asked for" if "first" in faster else ""
    if "tail" in like:
        return "prefix_reuse", f"{told}, and so were those with another end{ready}; what texts begin with is reused"
    if "first" in faster and AGAIN not in like and _lacks(found.kinds[AGAIN], repeat):
        return "prepared_answers", f"{told}{ready}, and what is new is not kept: answers were prepared"
    if partly := [kind for kind in like if kind != AGAIN]:
        return "partial_key_cache", f"{told}, though {' or '.join(partly)} differed{ready}; a cache keyed by less"
    if AGAIN in like:
        return "exact_cache", f"{told}{ready}; answers are cached"
    return "cache", f"{told}{ready}; answers are cached or were prepared, in what way is not clear"


def _gains(logs: Floats, repeat: Contrast, noise: float) -> bool:
    """Whether near duplicates of a kind gain about as much as repeats do, and more than chance gives them."""
    if not len(logs):
        return False
    mean = float(logs.mean())
    spread = max(float(logs.std()), noise) / math.sqrt(len(logs))
    return mean > (1 - _MOST_OF) * float(repeat.logs.mean()) and mean > _CLEARLY * spread


def _lacks(logs: Floats, repeat: Contrast) -> bool:
    """Whether they gain much less than repeats do, by more than chance takes from them."""
    if not len(logs):
        return False
    spread = float(repeat.logs.std()) * math.sqrt(1 / len(logs) + 1 / repeat.logs.size)
    missing = float(repeat.logs.mean() - logs.mean())
    return missing > _MOST_OF * float(repeat.logs.mean()) and missing > _CLEARLY * spread


def _compared(gain: float) -> str:
    return f"{gain + 1:.1f} times as fast as" if gain >= 1 else f"{gain:.1%} faster than"


def _numbers(params: Params, found: Found) -> dict[str, Any]:
    asked = sum(contrast.logs.size for contrast in found.contrasts if contrast.name in ("known", "near"))
    numbers: dict[str, Any] = {
        "pairs": found.rows,
        "requests": asked,
        "noise_cv": found.noise,
        "uneven_texts": found.uneven,
        "waiting": found.contrasts[0].waiting,
        "gain_wanted": params.gain,
        "tolerance": params.tolerance,
        "smallest_gain": _smallest_gain(params, found),
        "rows_hit": found.rows_hit,
        "needed_pairs": None,
        "kind": None,
    }
    for contrast in found.contrasts:
        name = contrast.name
        numbers |= {
            f"{name}_pairs": contrast.pairs,
            f"{name}_gain": math.expm1(max((s.estimate for s in contrast.shifts), key=lambda e: -abs(e))),
            f"{name}_gain_low": _gain(contrast.low),
            f"{name}_gain_high": _gain(contrast.high),
            f"{name}_mean_gain": contrast.mean_gain,
            f"{name}_p": contrast.p_value(params.tolerance),
        }
        if name != COALESCING:
            numbers[f"{name}_hits"] = contrast.hit
    return numbers


def _gain(logarithm: float) -> float | None:
    return math.expm1(logarithm) if math.isfinite(logarithm) else None


# What was answered.


def _remarks(run: Evidence) -> Iterator[Remark]:
    """Answers that are the same byte by byte: evidence beside the times, which changes no verdict."""
    answers = {answer.ordinal: answer.content for answer in run.answers() if answer.content}
    timed = run.timed()
    if not answers or timed is None or not isinstance(timed.order, Probe):
        return
    cells = timed.order.cells(timed.seed)
    novel = Counter(content for ordinal, content in answers.items() if cells[ordinal].arm == "novel")
    if alike := sum(count for count in novel.values() if count > 1):
        text = (
            f"{alike} of {sum(novel.values())} answers to new requests are the same, byte by byte, as that to another"
        )
        yield Remark("new_requests_answered_alike", text)
    told = {cells[ordinal].sample: content for ordinal, content in answers.items() if cells[ordinal].arm == "first"}
    again = [(cells[o].sample, content) for o, content in answers.items() if cells[o].arm == "repeat"]
    same = sum(told.get(sample) == content for sample, content in again)
    if same and not _determined(run.parameters):
        text = f"{same} of {len(again)} repeats were answered byte by byte as before; {_sampling(run.parameters)}"
        yield Remark("repeats_answered_alike", text)


def _determined(parameters: Mapping[str, Any]) -> bool:
    """Whether the same answer each time is what these parameters ask for."""
    return parameters.get("seed") is not None or parameters.get("temperature") == 0


def _sampling(parameters: Mapping[str, Any]) -> str:
    temperature = parameters.get("temperature")
    if temperature is None:
        return "endpoint.parameters has neither seed nor temperature, so that the server's own may explain it"
    return f"at temperature {temperature} and without a seed, chance does not explain it, unless rows set a seed"


def _inconclusive(code: str, reason: str, numbers: Mapping[str, Any]) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, code, f"{reason}; nothing can be said about caching", numbers)
