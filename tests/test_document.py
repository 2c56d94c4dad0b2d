"""YAML files: variables, types, and errors that name file, line and dotted path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, model_validator

from auditcube.document import Document, read_document
from auditcube.errors import ExitCode, InvalidInput
from builders import refusal_of

ENVIRON = {
    "N": "72",
    "WORD": "text",
    "EMPTY": "",
    "DOLLARS": "$$ ${N} $N",
    "YES": "true",
    "PRICE": "1.10",
    "NONE": "null",
}


def read(path: Path, text: str | bytes, environ: Mapping[str, str] | None = ENVIRON) -> Any:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_document(path, environ).data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "job.yaml"


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("${N}", 72),  # unquoted: the type that the text has
        ("${YES}", True),
        ("${PRICE}", 1.1),
        ("${NONE}", None),
        ("${WORD}", "text"),
        ("'${N}'", "72"),  # quoted: text
        ('"${N}"', "72"),
        ('"${YES}"', "true"),
        ("|\n  ${N}", "72\n"),
        (">-\n  ${N}", "72"),
        ("${GONE:-72}", 72),
        ("'${GONE:-72}'", "72"),
        ("${GONE:-}", None),
        ("'${GONE:-}'", ""),
        ("${EMPTY:-5}", 5),  # as in the shell: set but empty takes the default too
        ("${N:-5}", 72),
        ("${GONE:-http://127.0.0.1:8000}", "http://127.0.0.1:8000"),
        ("${GONE:-a b}", "a b"),
        ("http://${WORD}:${N}/x", "http://text:72/x"),
        ("${N}${N}", 7272),
        ("$$", "$"),
        ("$${N}", "${N}"),
        ("$$$$", "$$"),
        ("$$${N}", "$72"),
        ("$N", "$N"),
        ("a$", "a$"),
        ("'$5 {x}'", "$5 {x}"),
        ("'${DOLLARS}'", "$$ ${N} $N"),  # what a variable holds is not looked at again
        ("${GONE:-a$$b}", "a$$b"),
        ("1.10", 1.1),
        ("on", True),
        ("0x10", 16),
        ("18446744073709551615", 2**64 - 1),
    ],
)
def test_variables(file: Path, scalar: str, value: object) -> None:
    found = read(file, f"a: {scalar}\n")["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("scalar", "message"),
    [
        ("${GONE}", "line 2: the variable GONE is not set or empty, and has no default here"),
        ("${EMPTY}", "line 2: the variable EMPTY is not set or empty"),
        ("x${", "line 2: ${NAME} or ${NAME:-default} is wanted"),
        ("'${}'", "line 2: ${NAME} or"),
        ("${1A}", "line 2: ${NAME} or"),
        ("${A-B}", "line 2: ${NAME} or"),
        ("${N", "line 2: ${NAME} or"),
        ("'${N:-${WORD}}'", "line 2: ${NAME} or"),  # the inner one would be taken literally
        ("'${GONE:-${N}}'", "line 2: ${NAME} or"),
    ],
)
def test_variables_that_have_no_meaning(file: Path, scalar: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(file))}, {re.escape(message)}") as caught:
        read(file, f"first: 1\na: {scalar}\n")
    assert caught.value.exit_code is ExitCode.INVALID_INPUT


@pytest.mark.parametrize("scalar", ["${N}", "$$", "$${N}", "${GONE:-1}", "${", "${GONE}"])
def test_without_an_environment_dollars_are_left_alone(file: Path, scalar: str) -> None:
    assert read(file, f"a: '{scalar}'\n", None) == {"a": scalar}


def test_variables_are_replaced_everywhere_but_in_keys(file: Path) -> None:
    text = "${N}:\n  - ${N}\n  - {b: ${WORD}}\n".replace("{b: ${WORD}}", "{b: '${WORD}'}")
    assert read(file, f"'{text[:4]}'{text[4:]}") == {"${N}": [72, {"b": "text"}]}


def test_an_alias_is_replaced_once(file: Path) -> None:
    assert read(file, "a: &x '$$$$'\nb: *x\nc: &y {d: '$$$$'}\ne: *y\n") == {
        "a": "$$",
        "b": "$$",
        "c": {"d": "$$"},
        "e": {"d": "$$"},
    }


def test_anchors_aliases_and_merges(file: Path) -> None:
    text = "base: &b\n  x: ${N}\n  y: 1\nmore:\n  <<: *b\n  y: 2\nlist: [*b, *b]\n"
    base = {"x": 72, "y": 1}
    assert read(file, text) == {"base": base, "more": {"x": 72, "y": 2}, "list": [base, base]}


BAD_FILES: list[tuple[str, str | bytes, str]] = [
    ("not YAML", "a: 1\nb: [1, 2\nc: 3\n", ", line 3: not YAML: "),
    ("tab", "a:\n\tb: 1\n", ", line 2: not YAML: "),
    ("two documents", "a: 1\n---\nb: 2\n", ", line 2: not YAML: but found another document"),
    ("unknown alias", "a: 1\nb: *x\n", ", line 2: not YAML: found undefined alias"),
    ("control character", "a: 1\nb: \x07\n", ": not YAML: special characters are not allowed"),
    ("not UTF-8", b"a: 1\nb: \xff\n", ": not UTF-8 at byte 8"),
    ("UTF-16", "a: 1\n".encode("utf-16"), ": not UTF-8 at byte 0"),
    ("twice", "a: 1\nb: 2\na: 3\n", ", line 3: a: stands twice"),
    ("twice, inside", "a:\n  - b: 1\n    c: 2\n    b: 3\n", ", line 4: a[0].b: stands twice"),
    ("twice, quoted", "a: 1\n'a': 2\n", ", line 2: a: stands twice"),
    ("list as key", "a: 1\n? [x]\n: 2\n", ", line 2: a key is a word, not a list or a mapping"),
    ("mapping as key", "a: 1\n{x: y}: 2\n", ", line 2: a key is a word"),
    ("contains itself", "a: 1\nb: &x\n  c: *x\n", ", line 2: an alias contains itself"),
    ("list contains itself", "a: &x [1, *x]\n", ", line 1: an alias contains itself"),
    ("deep", "[" * 5000, ": not YAML: RecursionError"),
    ("no such day", "a: 1\nb:\n  - 2001-13-45\n", ", line 3: b[0]: cannot be read as timestamp; put it in quotes"),
    ("no such day as a key", "a: 1\n2001-13-45: 2\n", ", line 2: 2001-13-45: cannot be read as timestamp"),
    ("no number", "a: 0b_\n", ", line 1: a: cannot be read as int"),
    ("tag int", "a: !!int abc\n", ", line 1: a: cannot be read as int"),
    ("tag bool", "a: !!bool abc\n", ", line 1: a: cannot be read as bool"),
    ("tag float", "a: !!float abc\n", ", line 1: a: cannot be read as float"),
    ("tag timestamp", "a: !!timestamp abc\n", ", line 1: a: cannot be read as timestamp"),
    ("tag binary", "a: !!binary 'x'\n", ", line 1: a: cannot be read as binary"),
    ("own tag", "a: 1\nb: !cmd x\n", ", line 2: b: cannot be read as !cmd"),
    ("tag python", "a: !!python/name:os.system\n", ", line 1: a: cannot be read as python/name:os.system"),
    ("python object", "a: 1\nb: !!python/object/apply:os.system ['true']\n", ", line 2: not YAML: could not determine"),
    ("merge of a word", "a: 1\nb:\n  <<: 3\n", ", line 3: not YAML: expected a mapping or list of mappings"),
    ("half a pair", 'a: 1\nb: "\\uD83D"\n', ", line 2: b: is not Unicode text"),
    ("half a pair as a key", '"\\uD83D": 1\n', "line 1"),
    ("NUL", 'a: "x\\0"\n', ", line 1: a: holds a NUL character"),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in BAD_FILES], ids=[case[0] for case in BAD_FILES])
def test_what_is_no_yaml_is_refused_with_its_place(file: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(file, text)
    assert str(caught.value).startswith(str(file))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_of_aliases_are_refused_at_once(file: Path) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    with pytest.raises(InvalidInput, match=r"job\.yaml: holds more than 100000 values"):
        read(file, f"a0: &a0 [1]\n{levels}\n")


@pytest.mark.parametrize("name", ["gone.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(tmp_path / name))}: .*; `auditcube init` writes a config"):
        read_document(tmp_path / name)


@pytest.mark.parametrize("variable", ["\udcff", "2001-13-45"])
def test_a_value_from_the_environment_is_in_no_message(file: Path, variable: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(file, "a: ${X}\n", {"X": variable})
    assert variable not in str(caught.value)
    assert "line 1: a: " in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "\ufeff"])
def test_an_empty_file_is_nothing(file: Path, text: str) -> None:
    assert read(file, text) is None


@pytest.mark.parametrize("text", ["\ufeffa: 1\n", "a: 1\r\n", "a: 1"])
def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(file: Path, text: str) -> None:
    assert read(file, text) == {"a": 1}


@given(
    data=st.binary(max_size=60)
    | st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,? \n\t${}0123456789<=.e+~", max_size=60).map(str.encode)
)
def test_any_bytes_are_data_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    message = refusal_of(lambda: read(path, data))
    assert message is None or message.startswith(str(path))


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    threshold: float = Field(default=0.1, lt=1)
    samples: int | None = None


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    inner: Inner = Inner()
    many: tuple[Inner, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _no_bad_name(self) -> Outer:
        if self.name == "bad":
            raise ValueError("inner.samples: Bad names have no samples")
        if self.name == "worse":
            raise ValueError("Nothing fits this name")
        return self


def built(file: Path, text: str, at: tuple[str | int, ...] = ()) -> Outer:
    data = read(file, text)
    document = read_document(file, ENVIRON)
    for part in at:
        data = data[part]
    return document.build(Outer, data, at)


BAD_VALUES = [
    ("name: a\ninner:\n  treshold: 1\n", "line 3: inner.treshold: unknown key; did you mean threshold?"),
    ("name: a\ninner:\n  zzz: 1\n", "line 3: inner.zzz: unknown key; known here: threshold, samples"),
    ("nam: a\nname: b\n", "line 1: nam: unknown key; did you mean name?"),
    ("inner: {}\n", "line 1: name: missing; it has no default"),
    ("name: a\ninner:\n  threshold: 1.0\n", "line 3: inner.threshold: input should be less than 1"),
    ("name: a\nmany:\n  - {}\n  - {samples: x}\n", "line 4: many[1].samples: input should be a valid integer"),
    ("name: a\nmany:\n  - {samples: true}\n", "line 3: many[0].samples: input should be a valid integer"),
    ("name: a\nmany:\n  - {samples: 2.5}\n", "line 3: many[0].samples: input should be a valid integer"),
    ("name: a\nmany:\n  - {samples: '2'}\n", "line 3: many[0].samples: input should be a valid integer"),
    ("name: 5\n", "line 1: name: input should be a valid string"),
    ("name: a\n5: b\n", "line 2: 5: a key is text; put it in quotes"),
    ("name: bad\ninner:\n  samples: 3\n", "line 3: inner.samples: Bad names have no samples"),
    ("name: bad\ninner: {}\n", "line 2: inner.samples: Bad names have no samples"),
    ("\nname: worse\n", "line 2: Nothing fits this name"),
]


@pytest.mark.parametrize(("text", "message"), BAD_VALUES)
def test_a_value_that_does_not_fit_is_named_by_line_and_path(file: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(file))}, {re.escape(message)}"):
        built(file, text)


def test_every_problem_is_told_each_on_its_line(file: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        built(file, "name: 1\ninner:\n  threshold: 2.0\nmore: 3\n")
    places = re.findall(r"^\S+, line (\d): (\S+): ", str(caught.value), re.MULTILINE)
    assert places == [("1", "name"), ("3", "inner.threshold"), ("4", "more")]


def test_a_part_of_a_file_is_named_by_its_whole_path(file: Path) -> None:
    with pytest.raises(InvalidInput, match=r"job\.yaml, line 4: jobs\[1\]\.inner\.samples: "):
        built(file, "jobs:\n  - name: a\n  - name: b\n    inner: {samples: x}\n", ("jobs", 1))


def test_a_place_that_is_not_in_the_file_is_that_of_what_is_around_it() -> None:
    document = Document(Path("f"), {}, {(): 1, ("a",): 7, ("a", "b"): 8})
    assert str(document.invalid(("a", "b", 3, "c"), "is odd")) == "f, line 8: a.b[3].c: is odd"
    assert str(document.invalid(("z",), "is odd")) == "f, line 1: z: is odd"
    assert str(document.invalid((), "is odd")) == "f, line 1: is odd"
    assert str(Document(Path("f"), None, {}).invalid(("z",), "is odd")) == "f, line 1: z: is odd"


def test_a_value_that_does_not_fit_is_not_repeated(file: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        built(file, "name: [hunter2]\ninner: {samples: hunter2, threshold: hunter2}\nmany: hunter2\n")
    assert "hunter2" not in str(caught.value)
