"""Which compliance tests a model needs in which round, and what MLPerf's checker asks of their files.

Source: tools/submission/submission_checker/constants.py of mlcommons/inference as of 2026-08, which holds the rounds
v5.0 to v6.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditcube.errors import InvalidInput
from auditcube.loadgen import fallback
from auditcube.loadgen.layout import ACCURACY, DETAIL, SUMMARY

ROUNDS = ("v5.0", "v5.1", "v6.0", "v6.1")
_BOTH = ("TEST01", "TEST04")
_LENGTH = ("TEST07", "TEST09")

# Model -> tests in v5.0, v5.1, v6.0 and v6.1; None where the model is not in that round.
_TESTS: Mapping[str, tuple[tuple[str, ...] | None, ...]] = {
    "resnet": (_BOTH, _BOTH, _BOTH, _BOTH),
    "retinanet": (("TEST01",), ("TEST01",), ("TEST01",), None),
    **dict.fromkeys(("bert-99", "bert-99.9", "3d-unet-99", "3d-unet-99.9", "rgat"), (("TEST01",),) * 4),
    **dict.fromkeys(("dlrm-v2-99", "dlrm-v2-99.9"), (("TEST01",), ("TEST01",), ("TEST01",), None)),
    "stable-diffusion-xl": (_BOTH, _BOTH, _BOTH, _BOTH),
    "pointpainting": (_BOTH, _BOTH, _BOTH, None),
    "whisper": (None, ("TEST01",), ("TEST01",), ("TEST01",)),
    **dict.fromkeys(("yolo-95", "yolo-99"), (None, None, ("TEST01",), ("TEST01",))),
    "wan-2.2-t2v-a14b": (None, None, ("TEST04",), ("TEST04",)),
    **dict.fromkeys(("gptj-99", "gptj-99.9"), (("TEST06",), None, None, None)),
    "llama2-70b-99": (("TEST06",), ("TEST06",), ("TEST06",), None),
    **dict.fromkeys(
        ("llama2-70b-99.9", "llama2-70b-interactive-99", "llama2-70b-interactive-99.9"), (("TEST06",),) * 4
    ),
    "mixtral-8x7b": (("TEST06",), ("TEST06",), ("TEST06",), None),
    "llama3.1-405b": ((), ("TEST06",), ("TEST06",), None),
    "llama3.1-405b-interactive": (None, ("TEST06",), ("TEST06",), None),
    **dict.fromkeys(
        ("llama3.1-8b", "llama3.1-8b-interactive", "deepseek-r1"), (None, ("TEST06",), ("TEST06",), ("TEST06",))
    ),
    "gpt-oss-120b": (None, None, _LENGTH, _LENGTH),
    "dlrm-v3": (None, None, ("TEST08",), ("TEST08",)),
    "e2e-rag-qna": (None, None, None, ("TEST09",)),
    **dict.fromkeys(("llama3.1-8b-edge", "qwen3-vl-235b-a22b", "qwen3.6-27b", "e2e-rag-db"), (None, (), (), ())),
}
_ALIASES = {"resnet50": "resnet", "mobilenet": "resnet", "ssd-resnet34": "retinanet"}
_IGNORED = ("mlperf_log_trace.json", "results.json", ".gitkeep")
_NEEDED = (SUMMARY, DETAIL)


def tests_of(model: str, round_name: str) -> tuple[str, ...]:
    """The tests that a model needs in a round. Raises InvalidInput for a model or round that is not known."""
    if round_name not in ROUNDS:
        raise InvalidInput(f"--round: {round_name} is not known; there are {', '.join(ROUNDS)}")
    name = _ALIASES.get(model, re.sub(r"^llama3_1-", "llama3.1-", model))
    if name not in _TESTS:
        raise InvalidInput(f"--model: {model} is not known; there are {', '.join(sorted(_TESTS))}")
    tests = _TESTS[name][ROUNDS.index(round_name)]
    if tests is None:
        raise InvalidInput(f"--model: {model} is no model of round {round_name}")
    return tests


@dataclass(frozen=True)
class Finding:
    """What is wrong with the files of one test."""

    test: str
    path: str
    message: str


def check(directory: Path, tests: tuple[str, ...]) -> list[Finding]:
    """Everything that the checker would miss in a scenario's directory, of a division that is not open."""
    return [
        Finding(test, str(directory / test / name), message)
        for test in tests
        for name, message in _check_one(directory / test, test)
    ]


def _check_one(folder: Path, test: str) -> list[tuple[str, str]]:
    if not folder.is_dir():
        return [("", f"is missing; `auditcube mlperf {test}` makes it")]
    found = []
    for name, rule in _TEXTS[test].items():
        path = folder / name
        if not path.is_file():
            found.append((name, "is missing"))
        elif (problem := _read(path, rule)) is not None:
            if test == "TEST01" and name == "verify_accuracy.txt":
                if _files(folder / "accuracy") - {*_IGNORED} == {*fallback.FILES}:
                    continue  # then the checker holds scores against each other
                problem += f", and accuracy/ does not hold {', '.join(fallback.FILES)} alone"
            found.append((name, problem))
    if test in ("TEST01", "TEST04"):
        found += _check_logs(folder / "performance/run_1")
    return found


def _check_logs(folder: Path) -> list[tuple[str, str]]:
    place = "performance/run_1"
    present = _files(folder)
    found = [(f"{place}/{name}", "is missing") for name in _NEEDED if name not in present]
    strange = sorted(present - {*_NEEDED, ACCURACY, *_IGNORED})
    return [*found, *((f"{place}/{name}", "has no place there") for name in strange)]


def _files(folder: Path) -> set[str]:
    """Folders within are nothing to the checker."""
    return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()


def _read(path: Path, rule: Callable[[str], str | None]) -> str | None:
    """What is wrong with a text; of one that is not UTF-8 the checker reads nothing at all, but crashes."""
    try:
        return rule(path.read_text("utf-8"))
    except UnicodeDecodeError as problem:
        return f"is not UTF-8 ({problem.reason})"


def _line(text: str) -> str | None:
    return None if any(line.strip() == "TEST PASS" for line in text.split("\n")) else "has no line TEST PASS"


def _contains(text: str) -> str | None:
    return None if "TEST PASS" in text else "does not say TEST PASS"


def _test06(text: str) -> str | None:
    lines = {line.strip() for line in text.split("\n")}
    if not lines & {"First token check pass: True", "First token check pass: Skipped"}:
        return "does not say that the first token check passes"
    for name in ("EOS", "Sample length"):
        if f"{name} check pass: True" not in lines:
            return f"does not say that the {name} check passes"
    return None


_TEXTS: Mapping[str, Mapping[str, Callable[[str], str | None]]] = {
    "TEST01": {"verify_accuracy.txt": _line, "verify_performance.txt": _contains},
    "TEST04": {"verify_performance.txt": _contains},
    "TEST06": {"verify_accuracy.txt": _test06},
    "TEST07": {"verify_accuracy.txt": _contains},
    "TEST08": {"verify_accuracy.txt": _line},
    "TEST09": {"verify_output_len.txt": _contains},
}
