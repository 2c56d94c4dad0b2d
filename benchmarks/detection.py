"""An audit of the audits: how often TEST04 and the cache probe accuse honest endpoints, and find those that cheat.

Simulated endpoints (`zoo`) in virtual time (`simulated`), judged by the very `plan` and `judge` of a live run. Prints a
table; `--write` makes docs/detection.md and its picture of it. Run it with the project's environment.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from auditcube.audits import cache_probe, test04
from auditcube.audits.contract import Outcome, Verdict
from curves import Curve, Panel, picture
from simulated import Endpoint, Setting, simulate
from zoo import BEYOND, CHEATS, HONEST, LIKE_MLPERF, SMALL, Case

DOCS = Path(__file__).resolve().parents[1] / "docs"
_PER_PLAN = 100  # trials that share one plan; the next have other seeds
_RULES = ("TEST04", "TEST04 and its remarks", "probe")
_DRAWN = 1000  # trials of each point of a curve
_CV = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_GAINS = (0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4)


@dataclass(frozen=True)
class Counted:
    """What came of the trials of one case: how often each rule had which outcome."""

    case: Case
    trials: int
    outcomes: Counter[tuple[str, Outcome]]
    codes: Counter[str]

    def share(self, rule: str, outcome: Outcome) -> float:
        """In how many of the trials, 0 to 1."""
        return self.outcomes[rule, outcome] / self.trials


def count(case: Case, trials: int) -> Counted:
    """Judge so many trials of a case by all rules."""
    probe, plain = cache_probe.Params(**case.probe), test04.Params()
    load = case.setting.load(0)
    rows = case.setting.rows
    specs = [*test04.plan(plain, rows, load), *cache_probe.plan(probe, rows, load)[1:]]
    outcomes: Counter[tuple[str, Outcome]] = Counter()
    codes: Counter[str] = Counter()
    for batch, start in enumerate(range(0, trials, _PER_PLAN), 1):
        for runs in simulate(case.endpoint, case.setting, specs, min(_PER_PLAN, trials - start), batch):
            by_rate, probed = test04.judge(plain, runs), cache_probe.judge(probe, runs)
            outcomes["TEST04", by_rate.outcome] += 1
            outcomes["TEST04 and its remarks", _weighed(by_rate)] += 1
            outcomes["probe", probed.outcome] += 1
            codes[probed.code] += 1
    return Counted(case, trials, outcomes, codes)


def _weighed(verdict: Verdict) -> Outcome:
    """A FAIL by TEST04 as a reader takes it who heeds its remarks: a doubt where they say what else explains it."""
    doubted = any("misleads" in remark.text or "unequal" in remark.text for remark in verdict.remarks)
    return Outcome.INCONCLUSIVE if doubted and verdict.outcome is Outcome.FAIL else verdict.outcome


# The page.


def table(counted: Iterable[Counted]) -> list[str]:
    """FAIL by each rule; of the probe also PASS and what it found most often."""
    lines = [
        "| endpoint | gain | TEST04 FAIL | heeding its remarks | probe FAIL | probe PASS | INCONCLUSIVE | most often |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in counted:
        fails = [f"{row.share(rule, Outcome.FAIL):.1%}" for rule in _RULES]
        others = [f"{row.share('probe', outcome):.1%}" for outcome in (Outcome.PASS, Outcome.INCONCLUSIVE)]
        gain = f"{row.case.gain:.0%}" if row.case.gain < 5 else f"{row.case.gain + 1:.0f} times"
        code = row.codes.most_common(1)[0][0]
        lines.append(f"| {row.case.name} | {gain} | {' | '.join([*fails, *others])} | `{code}` |")
    return lines


def reach(honest: Sequence[Counted], cheats: Sequence[Counted], beyond: Sequence[Counted]) -> list[str]:
    """What was wanted, what was measured, and whether it holds."""
    false = max(honest, key=lambda row: row.share("probe", Outcome.FAIL))
    missed = min(cheats, key=lambda row: row.share("probe", Outcome.FAIL))
    passed = max([*cheats, *beyond], key=lambda row: row.share("probe", Outcome.PASS))
    told = [
        ("false FAIL on any honest endpoint", "at most 1%", false, Outcome.FAIL, (0.0, 0.01)),
        ("detection of gains from 15%, 32 pairs, CV 10%", "at least 99%", missed, Outcome.FAIL, (0.99, 1.0)),
        ("PASS for gains from 15%, anywhere", "at most 1%", passed, Outcome.PASS, (0.0, 0.01)),
    ]
    lines = ["| what | wanted | worst measured | endpoint | |", "| --- | --- | ---: | --- | --- |"]
    for what, wanted, row, outcome, (least, most) in told:
        share = row.share("probe", outcome)
        lines.append(
            f"| {what} | {wanted} | {share:.2%} | {row.case.name} | {'holds' if least <= share <= most else 'MISSED'} |"
        )
    return lines


def page(groups: Sequence[Sequence[Counted]], seconds: float) -> str:
    """docs/detection.md."""
    honest, cheats, small, beyond = groups
    trials = f"{honest[0].trials} trials of each honest endpoint, {cheats[0].trials} of each other"
    parts = [
        "# An audit of the audits",
        "",
        "Made by `benchmarks/detection.py --write`: endpoints simulated in virtual time, judged by the same `plan` and",
        f"`judge` as a live run. {trials}, in {seconds / 60:.0f} minutes.",
        "",
        "TEST04 judges by MLPerf's rule; *heeding its remarks* leaves out each FAIL beside which it says itself what",
        "else would explain it. The probe has its defaults (32 pairs, 2 repeats, 16 waves), unless the name says",
        "otherwise. Every cheat has a jitter of CV 10 %, unless its name says otherwise. *Gain* is what the cheat",
        "gains where it can, which is not always where TEST04 looks.",
        "",
        "![Detection against gain, and false accusations against noise](detection.svg)",
        "",
        "## What was to be reached",
        "",
        *reach(honest, cheats, beyond),
        "",
        "## Honest endpoints",
        "",
        *table(honest),
        "",
        "## Cheats that gain 15 % or more",
        "",
        *table(cheats),
        "",
        "## Smaller gains, which need not be found",
        "",
        *table(small),
        "",
        "## Few pairs, much noise: what cannot be found for sure must not pass",
        "",
        *table(beyond),
        "",
    ]
    return "\n".join(parts)


# The picture.


def _throttled(gain: float, noise: float, ready: bool = False) -> Case:
    endpoint = Endpoint(jitter=noise, key="prompt", hit=1 / (1 + gain), waits=True, ready=float(ready), keeps=not ready)
    return Case("", endpoint)


def _drawn(counted: dict[str, list[Counted]]) -> str:
    """docs/detection.svg."""

    def curve(name: str, key: str, xs: Sequence[float], rule: str, style: str) -> Curve:
        return Curve(name, [(x, row.share(rule, Outcome.FAIL)) for x, row in zip(xs, counted[key], strict=True)], style)

    found = Panel(
        "Found, against the gain of the cheat (CV 10 %)",
        "gain",
        0.4,
        [
            curve("probe, cache", "cache", _GAINS, "probe", "a"),
            curve("probe, prepared before", "ready", _GAINS, "probe", "b"),
            curve("TEST04, cache", "cache", _GAINS, "TEST04", "c"),
            curve("TEST04, prepared before", "ready", _GAINS, "TEST04", "d"),
        ],
    )
    accused = Panel(
        "Honest, and accused, against noise",
        "coefficient of variation",
        0.5,
        [
            curve("probe, noise by request", "jitter", _CV, "probe", "a"),
            curve("probe, cost by row", "cost", _CV, "probe", "b"),
            curve("TEST04, noise by request", "jitter", _CV, "TEST04", "c"),
            curve("TEST04, cost by row", "cost", _CV, "TEST04", "d"),
        ],
    )
    return picture([found, accused])


def _sweeps() -> dict[str, list[Case]]:
    return {
        "cache": [_throttled(gain, 0.1) for gain in _GAINS],
        "ready": [_throttled(gain, 0.1, ready=True) for gain in _GAINS],
        "jitter": [Case("", Endpoint(jitter=cv), LIKE_MLPERF) for cv in _CV],
        "cost": [Case("", Endpoint(cost=cv), Setting()) for cv in _CV],
    }


def main() -> None:
    """Measure, print, and write with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=5000, help="of each honest endpoint (%(default)s)")
    parser.add_argument("--cheat-trials", type=int, default=2000, help="of each other (%(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds this, without a picture")
    parser.add_argument("--jobs", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--write", action="store_true", help="write docs/detection.md and docs/detection.svg")
    options = parser.parse_args()
    begin = time.monotonic()
    with ProcessPoolExecutor(options.jobs) as pool:
        groups: list[list[Counted]] = []
        for cases in (HONEST, CHEATS, SMALL, BEYOND):
            trials = options.trials if cases is HONEST else options.cheat_trials
            chosen = [case for case in cases if options.only in case.name]
            print("\n".join(table([])))
            groups.append([])
            for row in pool.map(partial(count, trials=trials), chosen):
                groups[-1].append(row)
                print(table([row])[-1], flush=True)
        if options.only:
            return
        print("\n".join(reach(groups[0], groups[1], groups[3])))
        if options.write:
            sweeps = {name: list(pool.map(partial(count, trials=_DRAWN), cases)) for name, cases in _sweeps().items()}
            DOCS.joinpath("detection.svg").write_text(_drawn(sweeps), "utf-8")
            DOCS.joinpath("detection.md").write_text(page(groups, time.monotonic() - begin), "utf-8")


if __name__ == "__main__":
    main()
