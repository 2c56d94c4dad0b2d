"""Croissant files: what is taken from them, and which are refused; by MLCommons' own library where it is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from auditcube.croissant import Croissant, read
from auditcube.errors import InvalidInput
from e2e.commands import called, job, prompts, sidecar, sure_to_pass, write_rows

# The context of Croissant 1.0: most terms are its own.
_TERMS = re.findall(
    r"\w+",
    """citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset
jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source subField
transform""",
)
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def described(sha256: str, **more: Any) -> dict[str, Any]:
    """A Croissant file about one JSON Lines file."""
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "rivers",
        "description": "Prompts about rivers.",
        "url": "https://data.example/rivers",
        "version": "1.2.0",
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "datePublished": "2026-11-01",
        "citeAs": "nobody",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "prompts.jsonl",
                "name": "prompts.jsonl",
                "contentUrl": "prompts.jsonl",
                "encodingFormat": "application/jsonlines",
                "sha256": sha256,
            }
        ],
        **more,
    }


def write(folder: Path, document: Any) -> Path:
    path = folder / "croissant.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_what_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, described("ab" * 32))
    assert read(path) == Croissant(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        name="rivers",
        url="https://data.example/rivers",
        version="1.2.0",
        license="https://creativecommons.org/licenses/by/4.0/",
        files=frozenset({"ab" * 32}),
    )


@pytest.fixture
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.usefixtures("_no_library")
@pytest.mark.parametrize(
    ("license_", "expected"),
    [
        (["MIT", "Apache-2.0"], "MIT"),
        ({"@id": "https://spdx.org/licenses/MIT"}, "https://spdx.org/licenses/MIT"),
        ({"@type": "CreativeWork", "name": "our\n own"}, "our own"),
        ("", None),
        ("x" * 2000, None),
        (7, None),
        ([], None),
    ],
)
def test_the_forms_of_a_text(tmp_path: Path, license_: Any, expected: str | None) -> None:
    assert read(write(tmp_path, described("ab" * 32, license=license_))).license == expected


@pytest.mark.usefixtures("_no_library")
def test_digests_that_are_none_do_not_count(tmp_path: Path) -> None:
    entries = [{"@type": "cr:FileSet", "sha256": "ab" * 32}, {"@type": "cr:FileObject", "sha256": "main"}, "text"]
    assert read(write(tmp_path, described("", distribution=entries))).files == frozenset()


@pytest.mark.parametrize("text", ["", "[]", '{"@type": "sc:Person"}', "{" * 100_000, '{"name": "x"}'])
def test_what_is_no_croissant_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "croissant.json").write_text(text)
    with pytest.raises(InvalidInput, match="Croissant file"):
        read(tmp_path / "croissant.json")
    with pytest.raises(InvalidInput, match="No such file"):
        read(tmp_path / "absent.json")


def test_the_library_refuses_what_breaks_the_format(tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant")
    broken = described("ab" * 32)
    del broken["distribution"][0]["contentUrl"]
    with pytest.raises(InvalidInput, match="mlcroissant refuses it"):
        read(write(tmp_path, broken))


def test_a_run_is_about_the_data_set_that_is_described(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "prompts.jsonl", prompts())
    path = write(tmp_path, described(hashlib.sha256(data.read_bytes()).hexdigest()))
    dataset: dict[str, Any] = {"croissant": path.name, "split": "test"}
    with sure_to_pass() as server:
        config = job(tmp_path, server.url, {"dataset": dataset})
        text = config.read_text().replace("  id: rivers\n", "").replace("  provenance: written by a test\n", "")
        config.write_text(text)
        assert called("audit", "--config", config, "--output_dir", tmp_path / "out").code == 0
    (ref,) = sidecar(tmp_path / "out")["dataset_refs"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert ref["source_id"] == "rivers"
    assert ref["provenance"] == "https://data.example/rivers"
    assert (ref["version"], ref["split"], ref["croissant"]) == ("1.2.0", "test", {"sha256": digest})
    assert ref["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert called("verify", tmp_path / "out").code == 0
    path.unlink()
    assert called("verify", tmp_path / "out").code == 0  # the digest is enough


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"croissant": "croissant.json"}, "describes 1 files by their sha256, and the data set is none of them"),
        ({"croissant": "croissant.json", "croissant_sha256": "0" * 64}, "has the digest"),
        ({"croissant_sha256": "0" * 64}, "no dataset.croissant that could have it"),
        ({"croissant": "absent.json"}, "No such file"),
    ],
)
def test_a_croissant_file_of_something_else(tmp_path: Path, dataset: dict[str, Any], message: str) -> None:
    write(tmp_path, described("ab" * 32))
    done = called("plan", "--config", job(tmp_path, "http://127.0.0.1:1", {"dataset": dataset}))
    assert done.code == 2
    assert message in done.err
