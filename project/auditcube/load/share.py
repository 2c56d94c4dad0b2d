"""A worker's share of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from auditcube.dataset import Sample
from auditcube.load.schedule import Schedule
from auditcube.load.target import Target

Balance = Literal["round_robin", "least_in_flight"]


@dataclass(frozen=True)
class Endpoint:
    """What is loaded, how it is spoken to, and what is recorded of its answers.

    The key itself stays in the environment, under `api_key_env`. `retries` is how often an answer 429 or 503 is tried
    again; `tokenizer` is the file that answers are counted with, if the server's count is not to be used; `cpus` are
    what the workers are pinned to, in turn.
    """

    targets: tuple[Target, ...]
    api: str
    model: str | None
    parameters: Mapping[str, Any]
    api_key_env: str | None
    timeout_s: float
    balance: Balance = "round_robin"
    max_answer_bytes: int = 2**25
    retries: int = 0
    warm_connections: bool = True
    chunk_times: bool = False
    tokenizer: str | None = None
    cpus: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Share:
    """Everything a worker needs; a plain value that could be sent to another machine."""

    run_id: str
    schedule: Schedule
    schedule_sha256: str
    worker: int
    samples: Mapping[int, Sample]
    endpoint: Endpoint
    directory: Path

    def file(self, stem: str) -> Path:
        """This worker's own file of a kind (`events`, `outputs`, `chunks`)."""
        return self.directory / (f"{stem}.jsonl" if self.worker == 0 else f"{stem}.{self.worker}.jsonl")

    def media(self, ordinal: int) -> Path:
        """The file of one query's video."""
        return self.directory / "media" / f"{ordinal}.mp4"
