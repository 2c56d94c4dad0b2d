"""A generation request as the endpoint understands it, and the refusal of what it does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from auditcube.demo.prediction import PredictionJob, Predictions
from auditcube.demo.text import Text, TextJob
from auditcube.demo.video import Video, VideoJob

Kind = Literal["video", "chat", "completion", "prediction"]
Output = Video | Text | Predictions


class Refused(Exception):
    """The request is answered with this HTTP status and message instead of a result."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def _nobody_listens(text: Text, count: int) -> None:
    """The progress of an answer that is not streamed."""


@dataclass(frozen=True)
class Call:
    """One understood request.

    `prompt`: its text, of a chat with one message that message; `job`: the work it stands for; `key`: equal for two
    requests exactly when path and body mean the same; `progress`: told, as tokens are due, how many there are.
    """

    kind: Kind
    prompt: str
    body: Mapping[str, object]
    job: VideoJob | TextJob | PredictionJob
    key: str
    stream: bool = False
    progress: Callable[[Text, int], None] = field(default=_nobody_listens, compare=False)

    def work(self) -> Output:
        """Do the job."""
        return self.job.render()

    @property
    def words(self) -> int:
        """The prompt's length in words, at least 1."""
        return max(1, len(self.prompt.split()))


@dataclass(frozen=True)
class Served:
    """What answers a call, and whether it was there already or another's (`hit`) instead of computed for it."""

    output: Output
    hit: bool = False


def shortened(call: Call, share: float) -> Call:
    """The same call with only `share` of its frames or tokens left to make, at least one; predictions stay whole."""
    if isinstance(call.job, VideoJob):
        return replace(call, job=replace(call.job, share=share))
    if isinstance(call.job, PredictionJob):
        return call
    return replace(call, job=replace(call.job, share=share))


def meaning(path: str, body: Mapping[str, object]) -> str:
    """A text that is equal for equal requests, whatever the order of their fields and their white space."""
    return path + "\n" + json.dumps(body, sort_keys=True, separators=(",", ":"))
