"""MLPerf's scenarios, in LoadGen's words, and what each one means for the load.

Source: MLPerf Inference rules, "Scenarios"; `mlperf::TestScenario` of LoadGen.
"""

from __future__ import annotations

from enum import Enum


class Scenario(str, Enum):
    """How queries arrive."""

    OFFLINE = "Offline"
    SINGLE_STREAM = "SingleStream"
    MULTI_STREAM = "MultiStream"
    SERVER = "Server"

    @property
    def paced(self) -> bool:
        """Arrivals follow a clock of ours, so throughput cannot exceed the rate that was asked for."""
        return self is Scenario.SERVER

    @property
    def default_in_flight(self) -> int | None:
        """Queries in flight when the config names none; None is no bound (Server, as in LoadGen)."""
        return {
            Scenario.OFFLINE: 64,
            Scenario.SINGLE_STREAM: 1,
            Scenario.MULTI_STREAM: 8,
            Scenario.SERVER: None,
        }[self]
