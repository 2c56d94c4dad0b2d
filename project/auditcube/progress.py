"""What a person at a terminal sees while runs are made; nothing at all in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from auditcube.load.engine import Counts

Watch = Callable[[Counts], None]


class Progress:
    """Bars on standard error, one per phase, when it is a terminal and nobody asked for quiet."""

    def __init__(self, enabled: bool, phases: int) -> None:
        self._enabled = enabled and sys.stderr.isatty()
        self._phases = phases
        self._number = 0

    @contextmanager
    def phase(self, label: str, queries: int, about_s: float | None) -> Iterator[Watch]:
        """A bar for one run: done of planned, rate and time left counted from the first query, errors; before the first
        answer how long it will take, `about_s`, if anybody knows."""
        self._number += 1
        if not self._enabled:
            yield lambda counts: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bars

        title = f"{self._number} of {self._phases}: {label}"
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
        )
        with Bars(*columns, console=Console(stderr=True), auto_refresh=False) as bars:
            about = "" if about_s is None else f"about {duration(about_s)}"
            bar = bars.add_task(title, total=queries, told=about)
            bars.refresh()

            def watch(counts: Counts) -> None:
                words = told(counts, queries) if counts.done else about
                bars.update(bar, completed=counts.done, total=max(queries, counts.done), told=words)
                bars.refresh()

            yield watch


def told(counts: Counts, queries: int) -> str:
    """The words beside the bar."""
    rate = counts.done / counts.since_first_s if counts.since_first_s > 0 else 0.0
    words = [f"{rate:.3g}/s"]
    if counts.errors:
        words.append(f"{counts.errors} errors")
    if rate > 0 and counts.done < queries:
        words.append(f"{duration((queries - counts.done) / rate)} left")
    return " · ".join(words)


def duration(seconds: float) -> str:
    """A duration for people: 42 s, 3 min 05 s, 2 h 07 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
