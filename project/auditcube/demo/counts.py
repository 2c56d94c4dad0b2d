"""What the endpoint really served: the other side's truth that a client's own numbers are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditcube.demo.calls import Call

_FIRST_BODIES = 5


@dataclass
class Counts:
    """Counts since the start or the last reset; only requests to generation paths count.

    Every request ends as exactly one of completed, errors, malformed or aborted.
    """

    requests: int = 0
    completed: int = 0
    """Answered whole with 200, hits included."""
    hits: int = 0
    """Answered without a computation of their own."""
    computed: int = 0
    """Computations that ran to their end."""
    errors: int = 0
    """Answered with a status of 400 or above."""
    malformed: int = 0
    """Answered with 200 and a broken body."""
    aborted: int = 0
    """The client went away before its answer."""
    in_flight: int = 0
    max_in_flight: int = 0
    max_in_service: int = 0
    by_prompt: Counter[str] = field(default_factory=Counter)
    by_key: Counter[str] = field(default_factory=Counter)
    first_bodies: list[Mapping[str, object]] = field(default_factory=list)

    def received(self) -> None:
        """A request has come in whole."""
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def understood(self, call: Call) -> None:
        """It makes sense."""
        self.by_prompt[call.prompt] += 1
        self.by_key[call.key] += 1
        if len(self.first_bodies) < _FIRST_BODIES:
            self.first_bodies.append(call.body)

    @property
    def answered(self) -> int:
        """How many answers of any kind have left."""
        return self.completed + self.errors + self.malformed

    def reset(self) -> None:
        """Zero everywhere; what is in flight stays in flight."""
        vars(self).update(vars(Counts(in_flight=self.in_flight, max_in_flight=self.in_flight)))

    def as_json(self) -> dict[str, object]:
        """The body of `GET /stats`."""
        names = "requests completed hits computed errors malformed aborted in_flight max_in_flight max_in_service"
        return {
            **{name: getattr(self, name) for name in names.split()},
            "distinct": len(self.by_key),
            "distinct_prompts": len(self.by_prompt),
            "by_prompt": dict(self.by_prompt),
            "first_bodies": self.first_bodies,
        }
