"""A command of the submitter's that scores a log: run without a shell, with a time limit, its exit status obeyed."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from auditcube.errors import InvalidInput, SetupFailed
from auditcube.evidence.answers import Score

PLACE = "{accuracy_log}"
_GOES_ON = re.compile(r"\d|\.\d|[eE][-+]?\d")  # a number, behind what was taken for it


@dataclass(frozen=True)
class Scored:
    """What the command printed, on both streams as they came, and its exit status."""

    output: bytes
    exit_status: int

    @property
    def printed(self) -> str:
        """As text, whatever bytes are in it."""
        return self.output.decode("utf-8", "replace")


def words(command: str) -> list[str]:
    """The words of a command as a shell would split them. Raises InvalidInput for none, or a quote left open."""
    try:
        found = shlex.split(command)
    except ValueError as problem:
        raise InvalidInput(f"--accuracy-script: {problem}: {command}") from None
    if not found:
        raise InvalidInput(f"--accuracy-script: names no command; 'CMD ... {PLACE}' is wanted")
    return found


def run(command: str, accuracy_log: Path, timeout_s: float) -> Scored:
    """Run the command, with the log's path in each place of `{accuracy_log}`, whatever characters the path has."""
    arguments = [word.replace(PLACE, str(accuracy_log)) for word in words(command)]
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SetupFailed(f"--accuracy-script: {arguments[0]} did not end within {timeout_s:g} s") from None
    except (OSError, ValueError) as problem:
        raise SetupFailed(f"--accuracy-script: {arguments[0]} cannot be run: {problem}") from None
    return Scored(done.stdout, done.returncode)


def score(scored: Scored, pattern: str) -> Score:
    """The one score that stands in what the command printed; if it ended well."""
    if scored.exit_status != 0:
        return Score(None, 0, f"the accuracy script ended with exit status {scored.exit_status}")
    matches = list(re.finditer(pattern, scored.printed))
    if any(match[1] and _GOES_ON.match(scored.printed, match.end(1)) for match in matches):
        return Score(None, 0, "the pattern takes a part of a number for the score that the accuracy script printed")
    scores = {match[1] for match in matches}
    values = [value for text in scores if (value := _finite(text)) is not None]
    if not scores or len(values) < len(scores):
        return Score(None, 0, "no score stands in what the accuracy script printed")
    if len(values) > 1:
        return Score(None, 0, f"the accuracy script printed {len(values)} different scores")
    return Score(values[0], 0)


def _finite(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
