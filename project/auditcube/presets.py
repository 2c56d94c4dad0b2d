"""MLPerf's published settings by round, as values of `load.preset`: what a submission must hold to.

Source: `loadgen/mlperf.conf` of mlcommons/inference at v5.0, v5.1 and v6.1 (seeds of the sample order and of the
schedule; the minimum duration), the submission checker's `seeds` for v6.0 (and, the same numbers, for v5.0 and v5.1),
and "Early stopping" of the inference rules (the least number of queries with which a percentile can be shown at 99 %
confidence).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from auditcube.scenario import Scenario

PresetName = Literal["mlperf-v5.0", "mlperf-v5.1", "mlperf-v6.0", "mlperf-v6.1"]

_FLOOR_S = 600.0
_ACCURACY_LOG_SEED = 720381539243781796  # the same in every round's audit.config
_MULTI_STREAM_QUERIES = 662
_LEAST_QUERIES = {Scenario.OFFLINE: 24576, Scenario.SINGLE_STREAM: 64, Scenario.SERVER: 459}


@dataclass(frozen=True)
class Preset:
    """One round's settings; seeds may exceed 2**53, so JSON has them as text."""

    order_seed: int
    arrival_seed: int

    def load(self, scenario: Scenario, max_in_flight: Any) -> dict[str, Any]:
        """What it sets of `load`. A MultiStream query is as many samples as are in flight."""
        together = max_in_flight if isinstance(max_in_flight, int) else scenario.default_in_flight or 1
        return {
            "min_queries": _LEAST_QUERIES.get(scenario, _MULTI_STREAM_QUERIES * together),
            "min_duration_s": _FLOOR_S,
            "seeds": {"order": self.order_seed, "arrival": self.arrival_seed, "capture": _ACCURACY_LOG_SEED},
        }


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "mlperf-v5.0": Preset(15036839855038426416, 9933818062894767841),
        "mlperf-v5.1": Preset(14771362308971278857, 18209322760996052031),
        "mlperf-v6.0": Preset(14276810075590677512, 3936089224930324775),
        "mlperf-v6.1": Preset(2747215439041700203, 16159082839903944936),
    }
)
