"""A LoadGen run as a judge sees it: the same evidence as a run of ours, read from LoadGen's logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auditcube.evidence.answers import KeptAnswer, Score
from auditcube.load.pacing import End
from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.detail_log import Detail
from auditcube.loadgen.errors import Malformed
from auditcube.loadgen.hexdata import FORMATS, numbers
from auditcube.scenario import Scenario

MOST = 10**18  # nanoseconds, samples, or samples per second: what is beyond is no measure of a run

_RATES = {Scenario.OFFLINE: "result_samples_per_second", Scenario.SERVER: "result_completed_samples_per_sec"}
_LATENCIES = {
    Scenario.SINGLE_STREAM: "early_stopping_latency_ss",
    Scenario.MULTI_STREAM: "early_stopping_latency_ms",
}


@dataclass
class Tally:
    """What was seen of the answers when they were last read: how many, and of how many queries and samples."""

    logged: int = 0
    queries: int = 0
    samples: int = 0

    def take(self, other: Tally) -> None:
        """Say what another tally says, of the same answers."""
        self.logged, self.queries, self.samples = other.logged, other.queries, other.samples


@dataclass(frozen=True)
class LoggedRun:
    """One LoadGen run; an `audits.contract.Evidence`.

    `accuracy_log` is where its answers are logged, None where nobody asks for them; `dtype` what their tokens are.
    """

    label: str
    detail: Detail
    accuracy_log: Path | None = None
    dtype: str = "int32"
    tally: Tally = field(default_factory=Tally, compare=False)
    scores: Mapping[str, Score] = field(default_factory=dict, compare=False)

    @property
    def scenario(self) -> Scenario:
        told = self.detail.get("effective_scenario")
        try:
            return Scenario(told)
        except ValueError:
            raise Malformed(self.detail.path, f"has no scenario that is known, but {told!r}") from None

    def score(self, test_id: str) -> Score | None:
        """What an accuracy script made of the answers; no log holds a score."""
        return self.scores.get(test_id)

    def shortfalls(self) -> list[str]:
        """What LoadGen itself says of its result."""
        told = self.detail.get("result_validity")
        return [] if told == "VALID" else [f"LoadGen calls the result {told!r}"]

    def exceeded(self) -> list[str]:
        """None beside what `shortfalls` tells: LoadGen calls such a result invalid."""
        return []

    @property
    def samples_per_query(self) -> int:
        return self._count("effective_samples_per_query") or 1

    @property
    def issued(self) -> int:
        """Samples, which LoadGen counts as queries times samples per query."""
        return self._count("result_query_count") * self.samples_per_query

    @property
    def requested(self) -> int:
        return self._count("generated_query_count") * self.samples_per_query

    @property
    def completed(self) -> int:
        """All that were issued: LoadGen ends when each is answered, and knows of no failed one."""
        return self.issued

    @property
    def failed(self) -> int:
        return 0

    @property
    def end(self) -> End | None:
        accuracy = self.detail.get("effective_test_mode") == "AccuracyOnly"  # which ends without a result
        return End.COMPLETED if accuracy or self.detail.get("result_validity") is not None else None

    @property
    def duration_s(self) -> float:
        rate = self.throughput_per_s
        return self.issued / rate if rate else 0.0

    @property
    def min_duration_s(self) -> float:
        return self._count("effective_min_duration_ms") / 1e3

    @property
    def throughput_per_s(self) -> float | None:
        """The scenario's own score as a rate, which is what MLPerf compares."""
        if (name := _RATES.get(self.scenario)) is not None:
            return self._number(name)
        latency_ns = self._number(_LATENCIES[self.scenario])
        return 1e9 / latency_ns if latency_ns else None

    @property
    def median_latency_ns(self) -> float | None:
        return self._number("result_50.00_percentile_latency_ns")

    def half_throughputs_per_s(self) -> None:
        """Nothing in these logs tells."""

    def relative_latency(self, index: int) -> None:
        """Nothing in these logs tells."""

    def timed(self) -> None:
        """Nothing in these logs tells."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Nothing in these logs tells."""
        return {}

    def answers(self) -> Iterator[KeptAnswer]:
        """The logged answers. Raises Malformed for a log that cannot be read to its end, or an entry that is none."""
        tally = self.tally
        tally.take(Tally())
        ordinals, samples = set(), set()
        if self.accuracy_log is not None:
            for place, entry in enumerate(entries(self.accuracy_log)):
                answer = self._answer(self.accuracy_log, place, entry)
                ordinals.add(answer.ordinal)
                samples.add(answer.sample)
                tally.logged, tally.queries, tally.samples = place + 1, len(ordinals), len(samples)
                yield answer

    def _answer(self, path: Path, place: int, entry: Any) -> KeptAnswer:
        if not isinstance(entry, dict):
            raise Malformed(path, f"entry {place} is no object")
        ordinal, sample, data = entry.get("seq_id"), entry.get("qsl_idx"), entry.get("data")
        if type(ordinal) is not int or type(sample) is not int or not isinstance(data, str):
            raise Malformed(path, f"entry {place} has no whole seq_id and qsl_idx, or no data")
        count = entry.get("token_count")
        if count is not None and (type(count) is not int or count < 0):
            raise Malformed(path, f"entry {place} has a token_count that is no number of tokens")
        first = entry.get("token_data")
        if first is not None and not isinstance(first, str):
            raise Malformed(path, f"entry {place} has token_data that are no text")
        try:
            content = bytes.fromhex(data)
            tokens = memoryview(content).cast(FORMATS[self.dtype])
            told_first = None if first is None else numbers(first, self.dtype)
        except (ValueError, TypeError) as problem:
            raise Malformed(path, f"entry {place} cannot be decoded as {self.dtype} ({problem})") from None
        return KeptAnswer(ordinal, sample, content, tokens, told_first, count)

    def _count(self, key: str) -> int:
        value = self.detail.get(key)
        return value if type(value) is int and 0 <= value <= MOST else 0

    def _number(self, key: str) -> float | None:
        """A positive number such as a run can measure, or None."""
        value = self.detail.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 / MOST <= value <= MOST:
            return None
        return float(value)


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files hold the same."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while piece := first.read(2**20):
            if piece != second.read(2**20):
                return False
    return True
