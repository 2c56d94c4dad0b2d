"""Whether nothing at all is found in each of many texts, for what it costs to look at the lines that differ.

A line in which nothing is found by itself is quiet in any text: a match, and what a check looks at, lies in one line,
and nothing behind it counts. But for rules of several `lines`: these count here as if they were of one, which their
first line alone matches, and what `opens` a match that goes on in others makes a line loud. So a text of quiet lines is
quiet, and no line has to be looked at twice. What has a loud line is looked at as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from auditcube.scan.decode import views
from auditcube.scan.engine import Engine
from auditcube.scan.look import Lines, look
from auditcube.scan.pack import RULES
from auditcube.scan.rule import Rule

# Bounds of what is remembered, whatever a tree holds: 64 MiB or so.
_MOST_LINES = 1 << 16
_LONGEST = 1 << 10


class Quiet:
    """Lines that were looked at already, and in which nothing was found."""

    def __init__(self) -> None:
        self._engine = Engine(map(_of_one_line, RULES))
        self._known: set[bytes] = set()

    def of(self, texts: Sequence[bytes]) -> list[bool]:
        """For each text whether nothing is found in it."""
        split = [set(text.split(b"\n")) for text in texts]
        new = list(set().union(*split) - self._known)
        loud = self._loud(new)
        self._remember(line for line in new if len(line) <= _LONGEST and line not in loud)
        return [loud.isdisjoint(lines) or not look(text) for text, lines in zip(texts, split, strict=True)]

    def _loud(self, lines: Sequence[bytes]) -> set[bytes]:
        """Those in which something may be found: by themselves, each between blank ones, or as they read decoded."""
        text = _apart(lines)
        decoded = list(views(text))
        places = {number // 2 for number in self._found(text)}
        places |= {decoded[number // 2][0] // 2 for number in self._found(_apart([view for _, view in decoded]))}
        return {lines[place] for place in places}

    def _found(self, text: bytes) -> set[int]:
        """The lines of a text, from 0, in which a match begins."""
        lines = Lines(text)
        return {lines.of(span.start) for span in self._engine.spans(text)}

    def _remember(self, lines: Iterable[bytes]) -> None:
        if len(self._known) > _MOST_LINES:
            self._known.clear()
        self._known.update(lines)


@cache
def quiet() -> Quiet:
    """What this process has looked at."""
    return Quiet()


def _apart(lines: Iterable[bytes]) -> bytes:
    """Lines between blank ones: the first is line 1, the next line 3."""
    return b"".join(b"\n%b\n" % line for line in lines)


def _of_one_line(rule: Rule) -> Rule:
    return replace(rule, pattern=rule.opens or rule.pattern, check=None if rule.opens else rule.check, lines=False)
