"""A worker's share of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditcube.dataset import Sample
from auditcube.load.schedule import Schedule
from auditcube.load.transport import Target


@dataclass(frozen=True)
class Share:
    """Everything a worker needs; a plain value that could be sent to another machine."""

    run_id: str
    schedule: Schedule
    schedule_sha256: str
    worker: int
    samples: Mapping[int, Sample]
    api: str
    model: str | None
    parameters: Mapping[str, Any]
    target: Target
    api_key_env: str | None
    timeout_s: float
    events_path: Path
    outputs_path: Path
