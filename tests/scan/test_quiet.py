"""What is called quiet is exactly that in which nothing is found, whatever was looked at before."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator

import pytest

from auditcube.scan import quiet
from auditcube.scan.look import look, text_of_json
from auditcube.scan.pack import RULES
from auditcube.scan.quiet import Quiet
from bundles import dumps, sealed
from manifest.examples import FULL
from mutations import mutants
from scan import corpus

ALL = corpus.SECRETS | corpus.PRIVATE | corpus.HARMLESS
NETRC = "machine example.org\nlogin erika\npassword hunter22\n"
KAGGLE = json.dumps({"username": "erika", "key": "0123456789abcdef" * 2}, indent=1)
VARIABLE = 'variable "db_password" {\n  default = "correct-horse-7"\n}\n'
DEFAULT = "default login\n erika password hunter22"
NUMBERS = "1,\n4111111111111111,\n2"


def mixed(seed: int) -> Iterator[bytes]:
    """Texts of lines of the corpus, of each alone and of many: many harmless ones, and some with one leak."""
    chance = random.Random(seed)
    bad, good = [
        [sample.text for sample in corpus.samples(kinds, 4, seed)]
        for kinds in (corpus.SECRETS | corpus.PRIVATE, corpus.HARMLESS)
    ]
    for text in bad + good:
        yield text.encode()
    for _ in range(150):
        lines = chance.choices(good, k=chance.randrange(1, 9)) + chance.choices(bad, k=chance.random() < 0.4)
        chance.shuffle(lines)
        yield "\n".join(lines).encode()


def test_the_same_as_looking_at_each_text_alone() -> None:
    texts = list(mixed(7))
    random.Random(7).shuffle(texts)
    assert Quiet().of(texts) == [not look(text) for text in texts]


def test_what_was_seen_before_makes_no_difference() -> None:
    texts = list(mixed(8))
    one = Quiet()
    assert [one.of([text])[0] for text in texts] == [not look(text) for text in texts]


def test_mutated_sidecars_that_share_most_lines() -> None:
    """As in a tree: each differs from the last in little, and some hold a leak somewhere."""
    chance = random.Random(9)
    leaks = itertools.cycle(sample.text for sample in corpus.samples(corpus.SECRETS | corpus.PRIVATE, 1, 9))
    values = [mutant.value for mutant in itertools.islice(mutants(FULL, dumps(FULL), sealed, chance), 300)]
    texts = []
    for value in values:
        leak = {"extensions": {"note": next(leaks)}} if chance.random() < 0.3 else {}
        texts.append(text_of_json((value or {}) | leak))
    one, expected = Quiet(), [not look(text) for text in texts]
    assert one.of(texts[:150]) + [one.of([text])[0] for text in texts[150:]] == expected
    assert 50 < sum(expected) < 290


@pytest.mark.parametrize("text", [NETRC, DEFAULT, KAGGLE, VARIABLE, NUMBERS, f"x = {NETRC!r}", json.dumps(KAGGLE)])
def test_what_only_shows_over_several_lines_is_found_in_lines_that_are_known(text: str) -> None:
    one = Quiet()
    one.of([line.encode() for line in text.split("\n")])
    assert one.of([text.encode()]) == [not look(text.encode())]


def test_prose_about_machines_and_defaults_is_no_beginning_of_secrets() -> None:
    lines = [
        b"every default is spelled out",
        b"system Linux, machine x86_64, 2",
        b'<b class="key">',
        b'variable "size" {',
    ]
    assert Quiet()._loud(lines) == set()


def test_the_plainest_texts() -> None:
    assert Quiet().of([b"", b"\n", b"plain"]) == [True, True, True]
    assert Quiet().of([]) == []


def test_a_rule_of_several_lines_finds_its_first_line_or_says_that_it_does_not() -> None:
    kinds = {"openvpn": "-----BEGIN OpenVPN Static key V1-----\n" + "0123456789abcdef" * 2}
    texts = [sample.text for sample in corpus.samples(ALL, 10, 5) if "\n" in sample.text] + list(kinds.values())
    seen = set()
    for text in texts:
        found = {hit.rule for hit in look(text.encode())}
        for rule in RULES:
            if rule.id in found and rule.lines and not rule.opens:
                assert any(rule.id in {hit.rule for hit in look(line.encode())} for line in text.split("\n")), text
                seen.add(rule.id)
    assert seen >= {"private-key", "openvpn-key"}
    assert [rule.id for rule in RULES if rule.lines and not rule.opens and rule.check] == []


def test_no_more_is_remembered_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "_MOST_LINES", 100)
    one = Quiet()
    for number in range(50):
        assert one.of([b"\n".join(b"line %d of %d" % (line, number) for line in range(10)), b"x " * 1000]) == [
            True,
            True,
        ]
    assert 0 < len(one._known) <= 110
    assert max(map(len, one._known)) <= quiet._LONGEST
