"""Logs read as arrays, once for both rules: what both say is what they say of a log that each reads entry by entry."""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditcube import mlperf
from auditcube.errors import InvalidInput
from auditcube.loadgen import columns, compared, facts
from auditcube.loadgen.accuracy_log import entries
from auditcube.loadgen.layout import Paths
from loadgen.logs import SHARED, case, entry, write_accuracy

SMALL = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
DTYPES = ("int32", "byte", "int16", "int64", "float32")
# Bit patterns: of float32 1.0, 0.0, -0.0 and NaN, an EOS, a number of two bytes.
WORDS = ("0000803F", "00000000", "00000080", "0000C07F", "02000000", "02010000")


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few entries make several pieces and several parts, as many do otherwise."""
    monkeypatch.setattr(columns, "_PIECE", 150)
    monkeypatch.setattr(compared, "_AT_A_TIME", 3)
    monkeypatch.setattr(compared, "_AT_ONCE", 2)


def options(test: str, root: Path, **more: Any) -> mlperf.Options:
    bounds = {"min_output_tokens": 2.0, "max_output_tokens": 3.0} if test == "TEST09" else {}
    results = root / "results" if test == "TEST01" else None
    return mlperf.Options(test, "strict", results, root / "compliance", root / "out", **(bounds | more))


def said(given: mlperf.Options) -> tuple[Any, ...]:
    """All that the rules say, or what the rule strict cannot read."""
    paths = Paths(given.results_dir, given.compliance_dir)
    judge, told, _ = mlperf.TESTS[given.test](given, paths, lambda _: lambda _: None)
    try:
        return told, judge().to_json()
    except InvalidInput as problem:
        return told, str(problem)


def both(given: mlperf.Options) -> bool:
    """Hold both ways of reading against each other; whether the log was read as arrays."""
    used = []

    def noted(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*args: Any, **more: Any) -> Any:
            used.append(read(*args, **more))
            return used[-1]

        return reading

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((facts, "lengths"), (facts, "tokens"), (mlperf, "compared")):
            patch.setattr(module, name, noted(getattr(module, name)))
        at_once = said(given)
        for module, name in ((facts, "lengths"), (facts, "tokens"), (mlperf, "compared")):
            patch.setattr(module, name, lambda *_, **__: None)
        assert repr(at_once) == repr(said(given))  # repr: NaN is itself, and 1 is not 1.0
    (found,) = used
    return found is not None


@st.composite
def logged(draw: st.DrawFn, form: str | None = None) -> str:
    """A log in LoadGen's spelling, of a few answers to a few samples."""
    form = form or draw(st.sampled_from(("plain", "counted", "told")))
    lines = []
    for ordinal in range(draw(st.integers(0, 9))):
        data = "".join(draw(st.lists(st.sampled_from(WORDS), max_size=5)))
        line = f'{{ "seq_id" : {draw(st.sampled_from((ordinal, 0)))}, "qsl_idx" : {draw(st.integers(0, 11))}, '
        line += f'"data" : "{data}"'
        if form == "told":
            line += f', "token_data" : "{draw(st.sampled_from((data[:8], data, data + WORDS[4], WORDS[0], "")))}"'
        if form != "plain":
            line += f', "token_count" : {draw(st.sampled_from((len(data) // 8, len(data) // 8, 3)))}'
        lines.append(line + " }")
    return "[\n" + ",\n".join(lines) + "\n]\n" if lines else "[\n]\n"


def put(old: str, new: str, count: int = 1) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, count)


def sub(pattern: str, new: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, new, text, count=1)


DAMAGES: dict[str, Callable[[str], str]] = {
    "CRLF": put("\n", "\r\n", -1),
    "no last line break": lambda text: text[:-1],
    "no end": lambda text: text[:-2],
    "cut": lambda text: text[: len(text) * 2 // 3],
    "more behind the end": lambda text: text + "{}",
    "BOM": lambda text: "\ufeff" + text,
    "one line": put("\n", " ", -1),
    "a blank more": put('" : ', '"  : '),
    "a blank less": put("}", " }"),
    "a blank line": put("},\n", "},\n\n"),
    "a tab": put(", ", ",\t"),
    "no comma": put("},\n", "}\n"),
    "a comma too many": put("}\n]", "},\n]"),
    "lower case": sub("[C-F](?=[^a-z])", "c"),
    "half a byte": put('"data" : "', '"data" : "0'),
    "half a token": put('"data" : "', '"data" : "00'),
    "half a token told first": put('"token_data" : "', '"token_data" : "00'),
    "no hexadecimal": put('"data" : "', '"data" : "zz'),
    "a blank in the data": put('"data" : "', '"data" : " '),
    "another letter": put('"data" : "', '"data" : "G0'),
    "a quote": put('"data" : "', '"data" : "\\"'),
    "null": sub('"data" : "[^"]*"', '"data" : null'),
    "a negative number": sub('"qsl_idx" : ', '"qsl_idx" : -'),
    "a leading zero": sub('"qsl_idx" : ', '"qsl_idx" : 0'),
    "scientific": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : 1e2'),
    "a fraction": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : 1.0'),
    "NaN": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : NaN'),
    "true": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : true'),
    "a hexadecimal number": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : 1A'),
    "no number": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : '),
    "a long number": sub('"qsl_idx" : [0-9]+', '"qsl_idx" : 12345678901234567890'),
    "a number of text": sub('"qsl_idx" : ([0-9]+)', r'"qsl_idx" : "\1"'),
    "another order": sub('("seq_id" : [0-9]+), ("qsl_idx" : [0-9]+)', r"\2, \1"),
    "another name": put("qsl_idx", "qsl_idX"),
    "a member more": put(" }", ', "more" : 1 }'),
    "a name twice": sub('"qsl_idx" : [0-9]+', r'"qsl_idx" : 3, "qsl_idx" : 4'),
    "a count of another form": put(" }", ', "token_count" : 2 }'),
    "a count that is none": sub('"token_count" : [0-9]+', '"token_count" : null'),
    "digits between lines": lambda text: "},\n12{".join(text.rsplit("},\n{", 1)),
    "digits before a line": lambda text: (
        "},\nF{".join(text.rsplit("},\n{", 2)[:2]) + "},\n{" + text.rsplit("},\n{", 1)[1]
    ),
    "a list within": put(" }", ', "a" : [{},\n{}] }'),
    "no object": put("{ ", "3,\n{ "),
}


def write(root: Path, test: str, audited: str, known: str, scenario: str = "Offline") -> None:
    paths = case(root, test, scenario)
    paths.audited_accuracy.write_text(audited, "utf-8", newline="")
    paths.accuracy.write_text(known, "utf-8", newline="")


def whole(text: str, dtype: str, *names: str) -> bool:
    """Whether a log has entries, and their members are whole numbers of this type."""
    size = 2 * np.dtype("int8" if dtype == "byte" else dtype).itemsize
    found = json.loads(text)
    return bool(found) and not any(len(one.get(name, "")) % size for one in found for name in names)


@SMALL
@given(audited=logged(), known=logged(), dtype=st.sampled_from(DTYPES))
def test_test01(tmp_path: Path, audited: str, known: str, dtype: str) -> None:
    write(tmp_path, "TEST01", audited, known)
    wanted = all(whole(text, dtype, "data", "token_data") for text in (audited, known))
    assert both(options("TEST01", tmp_path, dtype=dtype)) is wanted


TWO_EOS = f'[\n{{ "seq_id" : 0, "qsl_idx" : 0, "data" : "{WORDS[4] * 2}", "token_count" : 2 }}\n]\n'


@SMALL
@example(audited=TWO_EOS, dtype="int32", scenario="Offline", claimed="Offline", eos=None)
@given(
    audited=logged(),
    dtype=st.sampled_from(DTYPES),
    scenario=st.sampled_from(("Offline", "Server")),
    claimed=st.sampled_from(("Offline", "Server")),
    eos=st.sampled_from((None, "2", "2,258", "258", "7")),
)
def test_test06(tmp_path: Path, audited: str, dtype: str, scenario: str, claimed: str, eos: str | None) -> None:
    write(tmp_path, "TEST06", audited, audited, scenario)
    told = "token_data" in audited or (claimed == "Offline" and "token_count" in audited)
    wanted = told and dtype != "float32" and whole(audited, dtype, "data", "token_data")
    assert both(options("TEST06", tmp_path, scenario=claimed, dtype=dtype, eos=eos)) is wanted


@SMALL
@given(audited=logged())
def test_test09(tmp_path: Path, audited: str) -> None:
    write(tmp_path, "TEST09", audited, audited)
    assert both(options("TEST09", tmp_path)) is whole(audited, "int32", "data", "token_data")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("test", ["TEST01", "TEST06", "TEST09"])
def test_what_is_damaged_or_spelled_otherwise(tmp_path: Path, test: str, damage: str) -> None:
    """The damage in the first entry or a later one: the log is read entry by entry, to the same end."""
    lines = [f'{{ "seq_id" : {n}, "qsl_idx" : {n}, "data" : "{WORDS[n % 3]}{WORDS[4]}"' for n in range(8)]
    good = "[\n" + ",\n".join(f'{line}, "token_data" : "{line[-17:-9]}", "token_count" : 2 }}' for line in lines)
    good += "\n]\n"
    given = options(test, tmp_path, **({"scenario": "Server"} if test == "TEST06" else {}), dtype="int32")
    write(tmp_path, test, good, good, "Server")
    assert both(given)
    whole_log = DAMAGES[damage](good)
    later = good[:300] + DAMAGES[damage](good[300:])
    for text in (whole_log, later):
        assert text != good
        write(tmp_path, test, text, good, "Server")
        assert not both(given)
    if test == "TEST01":
        write(tmp_path, test, good, whole_log)
        assert not both(given)


@SMALL
@given(text=logged(), data=st.data())
def test_one_byte_that_is_another(tmp_path: Path, text: str, data: st.DataObject) -> None:
    """Where arrays can still be read they say what `entries` says, by every value of every entry."""
    place = data.draw(st.integers(0, len(text) - 1))
    signs = '0A9f "{}[]:,\n\\x'
    change = data.draw(st.sampled_from([*signs, ""]))
    path = tmp_path / "log.json"
    path.write_text(text[:place] + change + text[place + data.draw(st.integers(0, 1)) :], newline="")
    try:
        rows = [row for some in columns.columns(path) for row in rows_of(some)]
    except columns.OtherSpelling:
        return
    assert rows == list(entries(path))


def rows_of(some: columns.Columns) -> list[dict[str, Any]]:
    """The entries that were read."""
    names: dict[str, list[Any]] = {"seq_id": some.ordinals.tolist(), "qsl_idx": some.samples.tolist()}
    for name, spans in (("data", some.data), ("token_data", some.first)):
        if spans is not None:
            names[name] = [str(text, "ascii") for text in spans.of(some.text)]
    if some.counts is not None:
        names["token_count"] = some.counts.tolist()
    return [dict(zip(names, values, strict=True)) for values in zip(*names.values(), strict=True)]


def test_many_answers_that_differ_are_named_in_order(tmp_path: Path) -> None:
    """Of samples in many parts, some of them answered again and again, the first that differ in the log are named."""
    chance = random.Random(3)
    order = [chance.randrange(60) for _ in range(200)]
    audited = [entry(n, [5 + chance.randrange(2), n], seq=place) for place, n in enumerate(order)]
    paths = case(tmp_path, "TEST01")
    write_accuracy(paths.audited_accuracy, audited)
    write_accuracy(paths.accuracy, [entry(n, [5, n]) for n in chance.sample(range(60), 50)])
    given = options("TEST01", tmp_path, dtype="int32")
    assert both(given)
    assert len(re.findall(r"\d+", said(given)[1]["reason"].partition("samples ")[2])) == 10


def test_a_long_line_is_read_in_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_LONGEST", 5000)
    paths = case(tmp_path, "TEST09")
    for count, wanted in ((400, True), (2000, False)):
        write_accuracy(paths.audited_accuracy, [entry(1, [7]), entry(2, [7] * count), entry(3, [7])])
        assert both(options("TEST09", tmp_path)) is wanted


def test_without_room_for_rows_each_rule_reads_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case(tmp_path, "TEST01")
    given = options("TEST01", tmp_path, dtype="int32")
    assert both(given)

    def full(**_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert not both(given)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the logs under ../shared/data/loadgen are not here")
@pytest.mark.parametrize("kind", ["honest", "cheating"])
@pytest.mark.parametrize("scenario", ["Offline", "Server"])
@pytest.mark.parametrize("test", ["TEST01", "TEST06", "TEST09"])
def test_real_logs_are_read_as_arrays(tmp_path: Path, test: str, scenario: str, kind: str) -> None:
    folder = SHARED / test / scenario / kind
    more = {"TEST01": {"dtype": "int64"}, "TEST06": {"scenario": scenario}, "TEST09": {}}[test]
    given = options(test, tmp_path, **more)
    results = folder / "results" if test == "TEST01" else None
    moved = mlperf.Options(**{**vars(given), "results_dir": results, "compliance_dir": folder / "compliance"})
    assert both(moved)


def test_nobody_can_choose_the_key_of_the_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever knew it could make up a log with other answers of the same hashes."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    assert compared._secret_hash() is hash
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    one, other = compared._secret_hash(), compared._secret_hash()
    assert one(b"answer") == one(b"answer") != hash(b"answer")
    assert one(b"answer") != other(b"answer")
