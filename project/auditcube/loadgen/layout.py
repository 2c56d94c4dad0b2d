"""Where LoadGen's logs lie: a results directory, as it is submitted, and that of a compliance run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ACCURACY, DETAIL, SUMMARY = "mlperf_log_accuracy.json", "mlperf_log_detail.txt", "mlperf_log_summary.txt"


@dataclass(frozen=True)
class Paths:
    """The files of a reference, where a test needs one, and of the compliance run."""

    results_dir: Path | None
    compliance_dir: Path

    @property
    def accuracy(self) -> Path:
        return self._results / "accuracy" / ACCURACY

    @property
    def detail(self) -> Path:
        return self._results / "performance/run_1" / DETAIL

    @property
    def summary(self) -> Path:
        return self._results / "performance/run_1" / SUMMARY

    @property
    def audited_accuracy(self) -> Path:
        return self.compliance_dir / ACCURACY

    @property
    def audited_detail(self) -> Path:
        return self.compliance_dir / DETAIL

    @property
    def audited_summary(self) -> Path:
        return self.compliance_dir / SUMMARY

    @property
    def _results(self) -> Path:
        assert self.results_dir is not None
        return self.results_dir
