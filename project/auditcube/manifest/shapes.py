"""The closed world of a sidecar: every text in it that is not free must have its own form. Pure.

A host name where the name of the runner belongs is found although no rule knows that host. The schema gives most
members a form already; this table is for those that it only calls text. What is in no row is free text, and the rules
alone look at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from auditcube.manifest import variables
from auditcube.scan.look import Leaf, escaped

RULE = "unexpected-value"
_WORD = r"[A-Za-z][A-Za-z0-9_.+-]{0,63}"
_COMMIT = r"[0-9a-f]{7,64}|unknown|none"
_VERSION = r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}"
_TABLE = tuple(
    (re.compile(pointer), re.compile(form))
    for pointer, form in (
        ("/mlcube_task", f"{_WORD}( {_WORD})?"),
        ("/runner", "docker|podman|singularity|apptainer|enroot|kubernetes|slurm|ssh|gcp|none|unknown"),
        (
            "/(image|image_identity/reference)",
            r"[A-Za-z0-9._-]+(?::[0-9]+)?(?:/[A-Za-z0-9._-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?",
        ),
        ("/image_identity/(image_)?platform", r"[a-z0-9]+/[A-Za-z0-9_]+(/v\d+)?"),
        ("/mlcube_config_hash", "(?:sha256:)?[0-9a-f]{64}|none"),
        ("/dataset_refs/[0-9]+/kind", _WORD),
        ("/dataset_refs/[0-9]+/format", _WORD),
        ("/provenance/repo", r"https://[A-Za-z0-9.-]+/[A-Za-z0-9._/-]+|unknown|none"),
        ("/provenance/(tool/)?commit", _COMMIT),
        ("/provenance/created_at", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"),
        ("/provenance/tool/name", _WORD),
        ("/provenance/tool/version", _VERSION),
        ("/environment/(python|gpu_driver|cuda|kernel)", _VERSION),
        ("/environment/(system|machine)", _WORD),
        ("/environment/cpu/model", r"[A-Za-z0-9 ._()@/+-]{1,100}"),
        ("/environment/gpus/[0-9]+/name", r"[A-Za-z0-9 ._()/+-]{1,80}"),
        ("/environment/gpus/[0-9]+/compute_capability", r"[0-9]{1,2}\.[0-9]{1,2}"),
        *variables.forms().items(),
        ("/environment/withheld/[0-9]+", "|".join((*variables.ALLOWED, *variables.SLURM))),
        ("/environment/variables/.*", "(?!)"),  # any other name; the schema says which members of slurm there are
        ("/parents/[0-9]+/task", f"{_WORD}( {_WORD})?"),
        ("/artifacts/[0-9]+/media_type", r"[a-z]+/[a-z0-9.+-]+"),
        ("/verdicts/[0-9]+/(test|code)", _WORD),
        ("/verdicts/[0-9]+/remarks/[0-9]+/code", _WORD),
        ("/headline/[0-9]+/metric", r"[A-Za-z0-9_.-]{1,100}"),
        ("/headline/[0-9]+/unit", r"[A-Za-z%/0-9.^-]{1,30}"),
        ("/headline/[0-9]+/source/json_pointer", r"(?:/[A-Za-z0-9_.~-]*)*"),
    )
)
_DIGITS = re.compile(r"[0-9]+")
_WITHHELD = re.compile(r"\[withheld:[a-z0-9-]+\]")


def misshapen(part: Any, at: str = "", place: str = "") -> Iterator[Leaf]:
    """The leaves of a sidecar whose text has not the form of their member.

    `part` is what stands at the pointer `at`; `place` is that pointer with 0 for every number in it.
    """
    for name, member in part.items() if isinstance(part, dict) else enumerate(part):
        if isinstance(member, (dict, list)):
            yield from misshapen(member, f"{at}/{escaped(str(name))}", _below(place, name))
        elif not isinstance(member, bool) and member is not None and (form := _form(place, name)) is not None:
            text = member if isinstance(member, str) else repr(member)
            if not form.fullmatch(text) and not _WITHHELD.search(text):
                yield Leaf(f"{at}/{escaped(str(name))}", text, False)


@lru_cache(maxsize=1024)
def _form(place: str, name: str | int) -> re.Pattern[str] | None:
    """The form of the text of a member of what stands at a place."""
    below = _below(place, name)
    return next((form for pointer, form in _TABLE if pointer.fullmatch(below)), None)


def _below(place: str, name: str | int) -> str:
    return f"{place}/0" if isinstance(name, int) or _DIGITS.fullmatch(name) else f"{place}/{escaped(name)}"
