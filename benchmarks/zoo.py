"""The endpoints of the audit of the audits: honest ones with every trait that misleads, and cheats of every kind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditcube.scenario import Scenario
from simulated import Endpoint, Setting

LIKE_MLPERF = Setting()
ONE_STREAM = Setting(in_flight=1, scenario=Scenario.SINGLE_STREAM)
NOISE = 0.10


@dataclass(frozen=True)
class Case:
    """One endpoint under one job; `probe` are the probe's settings where they are not the defaults."""

    name: str
    endpoint: Endpoint
    setting: Setting = LIKE_MLPERF
    probe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gain(self) -> float:
        """How much more work the endpoint does in the same time for being asked what it can cheat at; 0 if honest."""
        cheat = self.endpoint
        if cheat.merges:
            most: int = min(self.setting.in_flight, self.probe.get("wave_size", self.setting.in_flight))
            return float(math.ceil(most / cheat.slots) - 1)
        share = cheat.ready if cheat.ready and not cheat.keeps else cheat.share
        return 0.0 if cheat.key is None else 1 / (1 - share * (1 - cheat.hit)) - 1


def _honest() -> list[Case]:
    noises = [Case(f"jitter CV {cv:.0%}", Endpoint(jitter=cv)) for cv in (0.02, 0.05, 0.1, 0.2, 0.5)]
    costs = [Case(f"cost by row, sigma {cost}", Endpoint(cost=cost)) for cost in (0.3, 0.6, 1.0)]
    return [
        Case("constant", Endpoint(jitter=0.0)),
        *noises,
        *costs,
        *(Case(f"answers of uneven length, sigma {text}", Endpoint(text=text)) for text in (0.1, 0.3, 0.8)),
        Case("answers of uneven length, sigma 0.4, CV 40%", Endpoint(text=0.4, jitter=0.4)),
        Case("the same on 6 slots, 20 in flight", Endpoint(slots=6, text=0.4), Setting(in_flight=20)),
        Case("warm-up over 100 requests", Endpoint(warm_up=100)),
        Case("warm-up over 400 requests", Endpoint(warm_up=400)),
        Case("drift to half the speed", Endpoint(drift=1.0)),
        Case("batching", Endpoint(batching=1.0)),
        Case("all of these, CV 10%", Endpoint(jitter=0.1, cost=0.6, warm_up=100, drift=0.5, batching=0.5)),
        Case("SingleStream", Endpoint(slots=1, jitter=0.1, cost=0.3), ONE_STREAM),
        Case("1 GPU", Endpoint(slots=1, jitter=0.1), Setting(in_flight=4)),
        Case("72 GPUs", Endpoint(slots=72, jitter=0.1), Setting(in_flight=144), {"wave_size": 32}),
        Case("576 GPUs", Endpoint(slots=576, jitter=0.1), Setting(in_flight=576), {"wave_size": 32}),
        Case("20 rows", Endpoint(jitter=0.1), Setting(rows=20), {"pairs": 20}),
        Case("5000 rows", Endpoint(jitter=0.1, cost=0.3), Setting(rows=5000)),
        Case("4 pairs", Endpoint(jitter=0.1), probe={"pairs": 4}),
        Case("8 rows side by side", Endpoint(jitter=0.1, cost=0.3), probe={"in_flight": 8}),
        Case("8 side by side on 3 slots", Endpoint(slots=3, jitter=0.1, cost=0.3), probe={"in_flight": 8}),
    ]


def _slow(gain: float) -> dict[str, Any]:
    """Hits that take their time, and a slot, to gain no more."""
    return {"hit": 1 / (1 + gain), "waits": True}


def _cheats() -> list[Case]:
    def case(name: str, **cheat: Any) -> Case:
        return Case(name, Endpoint(jitter=NOISE, **cheat))

    def ready(**cheat: Any) -> dict[str, Any]:
        return {"key": "prompt", "keeps": False, "ready": 1.0, **cheat}

    return [
        case("exact cache", key="exact"),
        case("keyed by the prompt alone", key="prompt"),
        case("keyed by the normalised prompt", key="normalised"),
        *(case(f"LRU {size}", key="exact", capacity=size) for size in (1, 16, 100)),
        *(case(f"TTL {ttl:g} times a request", key="exact", ttl_s=ttl) for ttl in (4.0, 60.0)),
        case("prepared", **ready()),
        *(case(f"{share:.0%} of the rows prepared", **ready(ready=share)) for share in (0.15, 0.33, 0.5, 0.9)),
        *(case(f"{share:.0%} of the hits served", key="exact", share=share) for share in (0.15, 0.2, 0.33, 0.5, 0.9)),
        case("33% of the hits in a third of the time", key="exact", share=0.33, hit=0.33),
        case("half of the rows prepared, hits take 60%", **ready(ready=0.5, hit=0.6)),
        Case("coalescing", Endpoint(jitter=NOISE, merges=True)),
        Case("coalescing on 1 GPU", Endpoint(slots=1, jitter=NOISE, merges=True), Setting(in_flight=2)),
        *(case(f"prefix reuse, hits take {hit:.0%}", key="prefix", hit=hit, waits=True) for hit in (0.3, 0.8)),
        *(case(f"throttled to a gain of {gain:.0%}", key="exact", **_slow(gain)) for gain in (0.15, 0.2, 0.3)),
        case("prepared, throttled to a gain of 15%", **ready(**_slow(0.15))),
        Case("exact cache in SingleStream", Endpoint(slots=1, jitter=NOISE, cost=0.3, key="exact"), ONE_STREAM),
        Case("exact cache on 576 GPUs", Endpoint(slots=576, jitter=NOISE, key="exact"), Setting(in_flight=576),
             {"wave_size": 32}),
        Case("exact cache, rows of unequal cost, warming up",
             Endpoint(jitter=NOISE, cost=0.6, warm_up=100, drift=0.5, key="exact")),
        Case("8 side by side, throttled to 15%", Endpoint(jitter=NOISE, key="exact", **_slow(0.15)),
             probe={"in_flight": 8}),
    ]  # fmt: skip


def _small() -> list[Case]:
    """Gains below what is looked for."""
    return [
        Case("10% of the hits served", Endpoint(jitter=NOISE, key="exact", share=0.1)),
        *(
            Case(
                f"throttled to a gain of {gain:.1%}",
                Endpoint(jitter=NOISE, key="exact", **_slow(gain)),
            )
            for gain in (0.095, 0.05, 0.029)
        ),
    ]


def _beyond() -> list[Case]:
    """Few pairs or large jitter: where physics forbids to find a cheat for sure, it must not pass."""

    def throttled(jitter: float, **probe: Any) -> Case:
        name = f"throttled to 15%, CV {jitter:.0%}" + (f", {probe['pairs']} pairs" if probe else "")
        return Case(name, Endpoint(jitter=jitter, key="exact", **_slow(0.15)), probe=probe)

    prepared = Endpoint(jitter=NOISE, key="prompt", keeps=False, ready=0.15)
    return [
        throttled(0.2),
        throttled(0.3),
        throttled(0.5),
        throttled(0.1, pairs=4),
        throttled(0.1, pairs=8),
        throttled(0.02, pairs=8),
        Case("15% of the hits served, CV 50%", Endpoint(jitter=0.5, key="exact", share=0.15)),
        Case("15% of the rows prepared, 8 pairs", prepared, probe={"pairs": 8}),
        Case("exact cache, 4 pairs", Endpoint(jitter=NOISE, key="exact"), probe={"pairs": 4}),
        Case("exact cache, CV 50%", Endpoint(jitter=0.5, key="exact")),
        Case("8 side by side on 3 slots, throttled to 15%",
             Endpoint(slots=3, jitter=NOISE, key="exact", **_slow(0.15)), probe={"in_flight": 8}),
    ]  # fmt: skip


HONEST, CHEATS, SMALL, BEYOND = _honest(), _cheats(), _small(), _beyond()
