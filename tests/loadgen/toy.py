"""A toy system under the real LoadGen, one run per process (LoadGen takes no second one).

    python toy.py SCENARIO MODE OUTPUT_DIR AUDIT_CONFIG [CHEAT]

Answers are 4 to 8 token ids that follow from the sample, the last of them an EOS; predictions where MODE ends in `08`.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

import mlperf_loadgen as lg
import numpy as np

SAMPLES, MANY = 64, 2048
_SERVICE_S, _LONG_SERVICE_S = 0.0002, 0.001  # the long one stands out of what a busy machine adds


def answer(sample: int, mode: str, cheat: str) -> Any:
    if mode.endswith("08"):
        chances = np.array([0.1 + (sample % 8) / 10, 0.4, 0.6, 0.9])
        if cheat == "predictions" and "performance" in mode:
            chances = 1 - chances
        rest = [0, 0, 1, 1, 1, 1, 1, 1, 4] if "accuracy" in mode else []
        return np.array([sample, 7, *chances, *rest], dtype=np.float32)
    tokens = [1000 + sample, *range(10, 12 + sample % 5), 2]
    if cheat == "eos":
        tokens.append(2)
    if cheat == "padding":
        tokens[1:1] = [11] * 40
    if cheat == "model" and "performance" in mode:
        tokens[-2] += 1
    return np.array(tokens, dtype=np.int32)


class System:
    """One thread that answers after a while; a sample that was seen before at once, if it caches."""

    def __init__(self, scenario: str, mode: str, cheat: str) -> None:
        self._scenario, self._mode, self._cheat = scenario, mode, cheat
        self._queries: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._seen: set[int] = set()
        threading.Thread(target=self._work, daemon=True).start()

    def issue(self, queries: Any) -> None:
        for query in queries:
            self._queries.put((query.id, query.index))

    def _work(self) -> None:
        while True:
            identity, sample = self._queries.get()
            if not (self._cheat == "cache" and sample in self._seen):
                end = time.perf_counter() + (_LONG_SERVICE_S if "many" in self._mode else _SERVICE_S)
                while time.perf_counter() < end:
                    pass
            self._seen.add(sample)
            data = answer(sample, self._mode, self._cheat)
            if self._scenario != "Offline" and "tokens" in self._mode:
                first = data[:1].copy()
                lg.FirstTokenComplete([lg.QuerySampleResponse(identity, first.ctypes.data, first.nbytes, 1)])
            lg.QuerySamplesComplete([lg.QuerySampleResponse(identity, data.ctypes.data, data.nbytes, len(data))])


def main(scenario: str, mode: str, folder: str, audit: str, cheat: str = "") -> None:
    settings = lg.TestSettings()
    settings.scenario = getattr(lg.TestScenario, scenario)
    settings.mode = lg.TestMode.AccuracyOnly if "accuracy" in mode else lg.TestMode.PerformanceOnly
    settings.offline_expected_qps = 1000
    settings.min_duration_ms = 0
    # So many that a score leaves out a dozen queries which a busy machine made slow (early stopping's estimates);
    # Offline's one query has as many samples.
    settings.min_query_count = {"Offline": 600, "SingleStream": 400, "MultiStream": 2000, "Server": 700}[scenario]
    settings.server_target_qps = 400
    settings.server_target_latency_ns = 200_000_000
    settings.use_token_latencies = "tokens" in mode
    settings.ttft_latency = settings.tpot_latency = 200_000_000
    Path(folder).mkdir(parents=True, exist_ok=True)
    output = lg.LogOutputSettings()
    output.outdir = folder
    output.copy_summary_to_stdout = False
    logs = lg.LogSettings()
    logs.log_output = output
    system = System(scenario, mode, cheat)
    sut = lg.ConstructSUT(system.issue, lambda: None)
    samples = MANY if "many" in mode else SAMPLES  # few enough to repeat would be cached in the reference too
    qsl = lg.ConstructQSL(samples, samples, lambda _: None, lambda _: None)
    lg.StartTestWithLogSettings(sut, qsl, settings, logs, audit)
    lg.DestroyQSL(qsl)
    lg.DestroySUT(sut)


if __name__ == "__main__":
    main(*sys.argv[1:])
