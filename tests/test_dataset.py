"""Data sets: which rows are accepted, and how a bad one is named."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditcube import adapters
from auditcube.dataset import Column, Dataset, load_dataset
from auditcube.errors import ExitCode, InvalidInput
from builders import refusal_of

COLUMNS = {
    "prompt": Column((str,)),
    "messages": Column((list,)),
    "seed": Column((int,)),
    "scale": Column((float,)),
    "stream": Column((bool,)),
    "stop": Column((str, list)),
    "extra": Column((dict,)),
}
ONE_OF = ("prompt", "messages")
MLPERF = Path(__file__).parents[2] / "shared" / "data" / "wan22_prompts.jsonl"


def load(path: Path, **options: Any) -> Dataset:
    return load_dataset(path, COLUMNS, ONE_OF, **options)


def jsonl(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def csv(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def parquet(tmp_path: Path, columns: Mapping[str, Any]) -> Path:
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), path)
    return path


def fields(dataset: Dataset) -> list[dict[str, Any]]:
    return [dict(sample.fields) for sample in dataset.samples]


ROWS = [{"prompt": "a", "seed": 1}, {"prompt": "b", "scale": 2.5}, {"prompt": "c"}]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_three_formats_say_the_same(tmp_path: Path, kind: str) -> None:
    columns = {"prompt": ["a", "b", "c"], "seed": [1, None, None], "scale": [None, 2.5, None]}
    path = {
        "jsonl": lambda: jsonl(tmp_path, *ROWS),
        "csv": lambda: csv(tmp_path, "prompt,seed,scale\na,1,\nb,,2.5\nc,,\n"),
        "parquet": lambda: parquet(tmp_path, columns),
    }[kind]()
    found = load(path)
    assert fields(found) == ROWS
    assert [sample.index for sample in found.samples] == [0, 1, 2]
    data = path.read_bytes()
    assert (found.rows, found.format, found.size_bytes) == (3, kind, len(data))
    assert found.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("samples", [1, 2, 3, None])
def test_the_first_rows_are_used(tmp_path: Path, samples: int | None) -> None:
    found = load(jsonl(tmp_path, *ROWS), samples=samples)
    assert fields(found) == ROWS[:samples]
    assert found.rows == 3


def test_more_samples_than_rows(tmp_path: Path) -> None:
    path = jsonl(tmp_path, *ROWS)
    with pytest.raises(
        InvalidInput, match=f"^data set {re.escape(str(path))}: dataset.samples is 4, but .* only 3 rows"
    ):
        load(path, samples=4)


def test_rows_that_are_not_used_may_hold_what_they_like(tmp_path: Path) -> None:
    assert len(load(jsonl(tmp_path, *ROWS, {"unknown": 1}), samples=3).samples) == 3


def test_an_upper_case_suffix_is_the_same_format(tmp_path: Path) -> None:
    path = tmp_path / "DATA.JSONL"
    path.write_text('{"prompt": "a"}\n')
    assert load(path).format == "jsonl"


@pytest.mark.parametrize("suffix", [".json", ".txt", "", ".jsonl.gz"])
def test_an_unknown_kind_of_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"data{suffix}"
    path.write_text('{"prompt": "a"}\n')
    with pytest.raises(InvalidInput, match=r"data.*: unknown kind of file; use one of \.jsonl, \.csv, \.parquet"):
        load(path)


@pytest.mark.parametrize("name", ["gone.jsonl", ".", "file.jsonl/x.jsonl", "x" * 300 + ".jsonl"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.jsonl").write_text("")
    with pytest.raises(InvalidInput, match=r"; set dataset\.path or --dataset") as caught:
        load(tmp_path / name)
    assert str(caught.value).startswith(f"data set {tmp_path / name}: ")
    assert caught.value.exit_code is ExitCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("name", "text"), [("d.jsonl", ""), ("d.jsonl", "\n \n"), ("d.csv", ""), ("d.csv", "prompt\n")]
)
def test_a_file_without_rows(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InvalidInput, match=f"{name}: holds no rows"):
        load(path)


def test_a_parquet_file_without_rows(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"data\.parquet: holds no rows"):
        load(parquet(tmp_path, {"prompt": []}))


# JSON lines


@pytest.mark.parametrize(
    "data",
    [
        b'{"prompt": "a"}\n{"prompt": "b"}\n',
        b'{"prompt": "a"}\n{"prompt": "b"}',
        b'{"prompt": "a"}\r\n{"prompt": "b"}\r\n',
        b'\xef\xbb\xbf{"prompt": "a"}\n{"prompt": "b"}\n',
        b'\n{"prompt": "a"}\n\n  \n\t{"prompt": "b"} \n\n',
        b'{"prompt": "a", "seed": null}\n{"prompt": "b", "messages": null}\n',
    ],
    ids=["plain", "no last newline", "CRLF", "BOM", "blank lines", "null"],
)
def test_the_same_rows_in_other_bytes(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    assert fields(load(path)) == [{"prompt": "a"}, {"prompt": "b"}]


def test_a_text_may_hold_what_unicode_takes_for_a_line_end(tmp_path: Path) -> None:
    text = "a\u2028b\x85c\x0bd"
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"prompt": text}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert fields(load(path)) == [{"prompt": text}]


BAD_LINES: list[tuple[str, str | bytes, str]] = [
    ("no JSON", "{", "not a JSON object in UTF-8"),
    ("two objects", '{"prompt": "a"} {"prompt": "b"}', "not a JSON object in UTF-8"),
    ("list", '["a"]', "not a JSON object"),
    ("text", '"a"', "not a JSON object"),
    ("null", "null", "not a JSON object"),
    ("not UTF-8", b'{"prompt": "\xff"}', "not a JSON object in UTF-8"),
    ("UTF-16", '{"prompt": "a"}'.encode("utf-16"), "not a JSON object in UTF-8"),
    ("BOM inside", b'\xef\xbb\xbf{"prompt": "a"}', "not a JSON object in UTF-8"),
    ("NaN", '{"prompt": "a", "scale": NaN}', "NaN is not JSON"),
    ("Infinity", '{"prompt": "a", "scale": -Infinity}', "-Infinity is not JSON"),
    ("twice", '{"prompt": "a", "seed": 1, "seed": 2}', "member 'seed' stands twice"),
    ("twice, inside", '{"prompt": "a", "extra": {"x": 1, "x": 1}}', "member 'x' stands twice"),
    ("deep", '{"prompt": "a", "messages": ' + "[" * 100_000, "not a JSON object in UTF-8"),
    ("many digits", '{"prompt": "a", "seed": ' + "1" * 5000 + "}", "not a JSON object in UTF-8"),
    ("overflow", '{"prompt": "a", "scale": 1e999}', "column 'scale': JSON cannot carry it"),
    ("over 64 bits", '{"prompt": "a", "seed": 18446744073709551616}', "column 'seed': JSON cannot carry it"),
    ("under 64 bits", '{"prompt": "a", "seed": -9223372036854775809}', "column 'seed': JSON cannot carry it"),
    ("half a pair", '{"prompt": "\\ud83d"}', "column 'prompt': JSON cannot carry it"),
    ("half a pair, inside", '{"messages": [{"content": "\\udc00"}]}', "column 'messages': JSON cannot carry it"),
    (
        "no field",
        '{"prompt": "a", "promt": "b"}',
        "column 'promt': the API has no such field; rename it, or leave it out",
    ),
    ("missing", '{"seed": 1}', "column 'prompt' or 'messages': missing or empty; every request needs exactly one"),
    ("empty", '{"prompt": ""}', "column 'prompt' or 'messages': missing or empty"),
    ("null prompt", '{"prompt": null}', "column 'prompt' or 'messages': missing or empty"),
    ("no messages", '{"messages": []}', "column 'prompt' or 'messages': missing or empty"),
    ("both", '{"prompt": "a", "messages": [1]}', "column 'prompt' or 'messages': both are there"),
    ("number as text", '{"prompt": 5}', "column 'prompt': text is wanted, not '5'"),
    ("truth as integer", '{"prompt": "a", "seed": true}', "column 'seed': an integer is wanted, not 'True'"),
    ("fraction as integer", '{"prompt": "a", "seed": 1.0}', "column 'seed': an integer is wanted, not '1.0'"),
    ("text as integer", '{"prompt": "a", "seed": "1"}', "column 'seed': an integer is wanted, not '1'"),
    ("text as number", '{"prompt": "a", "scale": "1"}', "column 'scale': a number is wanted"),
    ("truth as number", '{"prompt": "a", "scale": false}', "column 'scale': a number is wanted"),
    ("number as truth", '{"prompt": "a", "stream": 1}', "column 'stream': true or false is wanted"),
    ("number as either", '{"prompt": "a", "stop": 1}', "column 'stop': text or a list is wanted"),
    ("list as object", '{"prompt": "a", "extra": []}', "column 'extra': an object is wanted"),
    ("object as list", '{"messages": {"a": 1}}', "column 'messages': a list is wanted"),
]


@pytest.mark.parametrize(("line", "message"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES])
def test_a_bad_line_is_named_by_file_line_and_column(tmp_path: Path, line: str | bytes, message: str) -> None:
    path = tmp_path / "data.jsonl"
    data = line.encode() if isinstance(line, str) else line
    path.write_bytes(b'{"prompt": "a"}\n\n' + data + b"\n" + b'{"prompt": "z"}\n')
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(path))}, line 3.*{re.escape(message)}"):
        load(path)


def test_values_at_the_limits(tmp_path: Path) -> None:
    rows = [
        {"prompt": "\U0001f600 \u0000", "seed": 2**64 - 1, "scale": 3, "stream": False, "stop": "x"},
        {"messages": [{"role": "user", "content": "é"}], "seed": -(2**63), "scale": 1e308, "stop": [], "extra": {}},
    ]
    assert fields(load(jsonl(tmp_path, *rows))) == rows


def test_a_long_value_is_not_repeated_whole(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(jsonl(tmp_path, {"prompt": "a", "seed": "9" * 1000}))
    assert "9" * 40 in str(caught.value)
    assert "9" * 41 not in str(caught.value)


# CSV


@pytest.mark.parametrize(
    "data",
    [
        b"prompt,seed\na,1\nb,\n",
        b"prompt,seed\r\na,1\r\nb,\r\n",
        b"\xef\xbb\xbfprompt,seed\na,1\nb,\n",
        b'"prompt","seed"\n"a","1"\n"b",""\n',
        b"prompt,seed\na,1\n\nb,",
        b"seed,prompt\n1,a\n,b\n",
        b"\n\nprompt,seed\na,1\nb,\n\n",
    ],
    ids=["plain", "CRLF", "BOM", "quoted", "blank line", "other order", "blank lines around"],
)
def test_the_same_table_in_other_bytes(tmp_path: Path, data: bytes) -> None:
    assert fields(load(csv(tmp_path, data))) == [{"prompt": "a", "seed": 1}, {"prompt": "b"}]


def test_cells_have_the_type_of_their_column(tmp_path: Path) -> None:
    text = 'prompt,seed,scale,stream,stop,extra\n5,7,3,true,"[""x""]","{""y"": 1}"\n"a,\n""b""",-1,2.5e3,false,word,\n'
    assert fields(load(csv(tmp_path, text))) == [
        {"prompt": "5", "seed": 7, "scale": 3, "stream": True, "stop": '["x"]', "extra": {"y": 1}},
        {"prompt": 'a,\n"b"', "seed": -1, "scale": 2500.0, "stream": False, "stop": "word"},
    ]


def test_a_list_in_a_cell(tmp_path: Path) -> None:
    text = 'messages\n"[{""role"": ""user"", ""content"": ""x""}]"\n'
    assert fields(load(csv(tmp_path, text))) == [{"messages": [{"role": "user", "content": "x"}]}]


BAD_TABLES: list[tuple[str, str | bytes, str]] = [
    ("too few cells", "prompt,seed\na,1\nb\n", "line 3: has 1 cells, but there are 2 columns"),
    ("too many cells", "prompt,seed\na,1\nb,2,3\n", "line 3: has 3 cells, but there are 2 columns"),
    (
        "line ends in a cell",
        'prompt,seed\n"a\n\nb",1\n"c\nd",x\n',
        "line 5, column 'seed': an integer is wanted, not 'x'",
    ),
    ("column twice", "prompt,seed,prompt\na,1,b\n", "line 1: a column name stands twice"),
    ("empty column", "prompt,\na,1\n", "line 2, column '': the API has no such field"),
    ("empty cell", "prompt,seed\na,1\n,2\n", "line 3, column 'prompt' or 'messages': missing or empty"),
    ("text as integer", "prompt,seed\na,one\n", "line 2, column 'seed': an integer is wanted, not 'one'"),
    ("fraction as integer", "prompt,seed\na,1.0\n", "line 2, column 'seed': an integer is wanted, not '1.0'"),
    ("truth as integer", "prompt,seed\na,true\n", "line 2, column 'seed': an integer is wanted, not 'true'"),
    ("NaN", "prompt,scale\na,NaN\n", "line 2, column 'scale': a number is wanted, not 'NaN'"),
    ("overflow", "prompt,scale\na,1e999\n", "line 2, column 'scale': JSON cannot carry it"),
    ("word as truth", "prompt,stream\na,True\n", "line 2, column 'stream': true or false is wanted, not 'True'"),
    ("member twice", 'prompt,extra\na,"{""x"": 1, ""x"": 2}"\n', "line 2, column 'extra': an object is wanted"),
    ("deep", "messages\n" + "[" * 100_000 + "\n", "line 2, column 'messages': a list is wanted"),
    ("no such field", "prompt,zzz\na,b\n", "line 2, column 'zzz': the API has no such field"),
    ("not UTF-8", b"prompt\na\nb\xff\n", "line 3: not UTF-8 at byte 10 of the file"),
    ("UTF-16", "prompt\na\n".encode("utf-16"), "line 1: not UTF-8 at byte 0 of the file"),
    ("open quote", 'prompt,seed\na,1\n"b,2\n', "line 3: unexpected end of data"),
    ("open quote in the head", '"prompt,seed\na,1\n', "line 1: unexpected end of data"),
    ("quote inside", 'prompt\n"a"b\n', "line 2: ',' expected after '\"'"),
    ("cell too large", "prompt\n" + "x" * 200_000 + "\n", "line 2: field larger than field limit"),
    ("head too large", "x" * 200_000 + "\na\n", "line 1: field larger than field limit"),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in BAD_TABLES], ids=[case[0] for case in BAD_TABLES])
def test_a_bad_table_is_named_by_file_line_and_column(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(path))}, {re.escape(message)}"):
        load(path)


# Parquet


def test_parquet_values_keep_their_types(tmp_path: Path) -> None:
    columns = {
        "messages": [[{"role": "user"}], None],
        "prompt": [None, "x"],
        "seed": [2**63 - 1, None],
        "stream": [True, None],
    }
    assert fields(load(parquet(tmp_path, columns))) == [
        {"messages": [{"role": "user"}], "seed": 2**63 - 1, "stream": True},
        {"prompt": "x"},
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prompt": ["a", ""]}, "row 1, column 'prompt' or 'messages': missing or empty"),
        ({"prompt": ["a", "b"], "seed": [1.0, 2.0]}, "row 0, column 'seed': an integer is wanted, not '1.0'"),
        ({"prompt": ["a", "b"], "scale": [1.0, float("nan")]}, "row 1, column 'scale': JSON cannot carry it"),
        ({"prompt": ["a", "b"], "scale": [1.0, float("-inf")]}, "row 1, column 'scale': JSON cannot carry it"),
        ({"prompt": [b"a", b"b"]}, "row 0, column 'prompt': text is wanted"),
        ({"messages": [[b"a"], [b"b"]]}, "row 0, column 'messages': JSON cannot carry it"),
        ({"prompt": ["a", "b"], "zzz": [None, 1]}, "row 1, column 'zzz': the API has no such field"),
    ],
)
def test_a_bad_row_is_named_by_file_row_and_column(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = parquet(tmp_path, columns)
    with pytest.raises(InvalidInput, match=f"^{re.escape(str(path))}, {re.escape(message)}"):
        load(path)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array(["a"])] * 2, ["prompt", "prompt"]), path)
    with pytest.raises(InvalidInput, match=r"data\.parquet: .*prompt|data\.parquet: a column name stands twice"):
        load(path)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no parquet at all", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_what_is_no_parquet_file(tmp_path: Path, data: bytes) -> None:
    pytest.importorskip("pyarrow", reason="Parquet is an extra")
    path = tmp_path / "data.parquet"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=f"^data set {re.escape(str(path))}: not a Parquet file \\(") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_a_damaged_parquet_file_is_refused_or_read(tmp_path: Path) -> None:
    whole = parquet(tmp_path, {"prompt": ["a", "b", "c"], "seed": [1, 2, 3]}).read_bytes()
    path = tmp_path / "damaged.parquet"
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        message = refusal_of(lambda: load(path))
        assert message is None or "damaged.parquet" in message


# Renaming


def test_columns_are_renamed_or_left_out(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"text": "a", "id": 7, "seed": 1}, {"text": "b", "note": {"x": []}})
    rename = {"text": "prompt", "id": None, "note": None, "never": None}
    assert fields(load(path, rename=rename)) == [{"prompt": "a", "seed": 1}, {"prompt": "b"}]


def test_a_column_that_is_left_out_is_not_checked(tmp_path: Path) -> None:
    assert fields(load(jsonl(tmp_path, {"prompt": "a", "seed": "none"}), rename={"seed": None})) == [{"prompt": "a"}]


def test_columns_may_change_places(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"prompt": 5, "seed": "a"})
    assert fields(load(path, rename={"prompt": "seed", "seed": "prompt"})) == [{"prompt": "a", "seed": 5}]


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"text": "prompt"}, "line 1, column 'text': prompt is filled by another column already"),
        ({"text": "zzz"}, "line 1, column 'text': the API has no such field"),
        (
            {},
            "line 1, column 'text': the API has no such field; "
            "rename it, or leave it out with dataset.columns: {text: null}",
        ),
    ],
)
def test_a_bad_renaming(tmp_path: Path, rename: dict[str, str | None], message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        load(jsonl(tmp_path, {"prompt": "a", "text": "b"}), rename=rename)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(
    st.lists(st.fixed_dictionaries({"prompt": TEXT}, optional={"seed": st.integers(-(2**63), 2**64 - 1)}), min_size=1)
)
def test_json_lines_say_what_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="")
    assert fields(load(path)) == rows


@given(data=st.binary(max_size=80), suffix=st.sampled_from([".jsonl", ".csv"]))
def test_any_bytes_are_rows_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)
    message = refusal_of(lambda: load(path))
    assert message is None or str(path) in message


@pytest.mark.skipif(not MLPERF.is_file(), reason=f"{MLPERF} is not here")
def test_the_prompts_of_mlperf() -> None:
    adapter = adapters.get("videogen")
    found = load_dataset(MLPERF, adapter.columns, adapter.one_of)
    assert (len(found.samples), found.rows, found.format) == (248, 248, "jsonl")
    assert len({sample.fields["prompt"] for sample in found.samples}) == 248
    assert all(set(sample.fields) == {"prompt", "negative_prompt"} for sample in found.samples)


KNOWN = {"prompt": Column((str,)), "seed": Column((int,))}


def test_expected_columns_are_kept_and_sent_only_if_the_api_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "seed": 3, "answer": "x"}\n{"prompt": "b", "seed": 4, "answer": ["y", 1]}\n')
    first, second = load_dataset(path, KNOWN, ("prompt",), expected=("answer", "prompt")).samples
    assert (first.fields, first.expected) == ({"prompt": "a", "seed": 3}, {"answer": "x", "prompt": "a"})
    assert (second.fields, second.expected) == ({"prompt": "b", "seed": 4}, {"answer": ["y", 1], "prompt": "b"})
    assert not pickle.loads(pickle.dumps(first)).expected, "a worker gets no answers"


def test_expected_cells_of_a_csv_file_are_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('prompt,labels,answer\na,"[0, 1]",yes\n')
    (row,) = load_dataset(path, KNOWN, ("prompt",), expected=("labels", "answer")).samples
    assert (row.fields, row.expected) == ({"prompt": "a"}, {"labels": [0, 1], "answer": "yes"})


@pytest.mark.parametrize("row", ['{"prompt": "a"}', '{"prompt": "a", "answer": null}'])
def test_an_expected_column_that_is_empty_is_told(tmp_path: Path, row: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"prompt": "z", "answer": "x"}}\n{row}\n')
    with pytest.raises(InvalidInput, match="line 2, column 'answer': missing or empty"):
        load_dataset(path, KNOWN, ("prompt",), expected=("answer",))
