"""What the rule pack reaches, on the corpus and on real files of ours; and that every way of hiding is seen through."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from auditcube.scan.files import look_through
from auditcube.scan.look import look
from scan import corpus

ROOT = Path(__file__).parents[2]
EACH, SEED = 25, 7


def silent(kinds: dict[str, corpus.Maker]) -> list[str]:
    return [sample.kind for sample in corpus.samples(kinds, EACH, SEED) if not look(sample.text.encode())]


def test_the_corpus_is_as_wide_as_it_says() -> None:
    assert (len(corpus.SECRETS) >= 40, len(corpus.PRIVATE) >= 25, len(corpus.HARMLESS) >= 40) == (True, True, True)


@pytest.mark.parametrize("kinds", [corpus.SECRETS, corpus.PRIVATE], ids=["secrets", "private data"])
def test_almost_all_is_found(kinds: dict[str, corpus.Maker]) -> None:
    missed = silent(kinds)
    assert len(missed) <= 0.01 * EACH * len(kinds), missed


def test_what_is_harmless_does_not_alarm() -> None:
    samples = list(corpus.samples(corpus.HARMLESS, 4 * EACH, SEED))
    alarms = [(sample.kind, [hit.rule for hit in found]) for sample in samples if (found := look(sample.text.encode()))]
    assert len(alarms) <= 0.001 * len(samples), alarms


def test_a_file_of_all_of_them_tells_each_line(tmp_path: Path) -> None:
    """Beside each other they are found as alone, and the harmless lines between them are not."""
    bad = [s for s in corpus.samples(corpus.SECRETS | corpus.PRIVATE, 3, SEED) if "\n" not in s.text]
    good = [s for s in corpus.samples(corpus.HARMLESS, 10, SEED)]
    mixed = [sample for pair in zip(bad, good, strict=False) for sample in pair]
    path = tmp_path / "mixed.txt"
    path.write_text("\n".join(sample.text for sample in mixed) + "\n")
    lines = {leak.line for leak in look_through([path]).leaks}
    wanted = {number for number, sample in enumerate(mixed, 1) if sample in bad}
    assert len(wanted - lines) <= 0.01 * len(wanted)
    assert lines - wanted == set()


HIDDEN: dict[str, Callable[[str], str]] = {
    "JSON escapes": lambda text: json.dumps({"t": "".join(f"\\u{ord(c):04x}" for c in text)}).replace("\\\\u", "\\u"),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"line": f"one\n{text}"})),
    "behind an escaped line break": lambda text: json.dumps(f"one\n{text}"),
    "percent signs": lambda text: "".join(f"%{ord(c):02X}" for c in text),
    "percent signs, where needed": lambda text: quote(text, safe=""),
    "entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "entities, where needed": html.escape,
    "base64": lambda text: base64.b64encode(f"it is {text}".encode()).decode(),
    "base64 of a URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "put together": lambda text: f'"{text[:9]}" + "{text[9:]}"',
    "blanks of no width": lambda text: text[:7] + "\u200b" + text[7:],
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) for c in text),
    "letters of another script": lambda text: text.replace("p", "\u0440").replace("A", "\u0410"),
}


@pytest.mark.parametrize("hide", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("kind", ["github token", "anthropic key", "aws access key id", "stripe key"])
def test_a_secret_is_seen_through_what_hides_it(kind: str, hide: Callable[[str], str]) -> None:
    chance = corpus.Chance(f"{SEED} {kind}")
    missed = [text for _ in range(20) if not look(hide(text := corpus.SECRETS[kind](chance)).encode())]
    assert missed == []


def test_our_own_pages_and_examples_may_be_published() -> None:
    """They hold names of things that look like names of machines; nothing else alarms."""
    looked = look_through([ROOT / name for name in ("docs", "README.md", "CHANGELOG.md", "workspace", "schemas")])
    assert {(Path(leak.path).name, leak.rule) for leak in looked.leaks} <= {("quickstart.md", "url-host")}
    assert looked.files > 20
