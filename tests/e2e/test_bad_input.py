"""Everything a user can get wrong: the documented exit code, one clear message, nothing sent, nothing written."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from e2e.commands import (
    AUDITCUBE,
    SIDECAR,
    Ended,
    Server,
    audit,
    audit_here,
    auditcube,
    called,
    contents,
    environment,
    job,
    prompts,
    sidecar,
    write_rows,
)

Change = Callable[[Path, str], Path]


class Case(NamedTuple):
    """How the job is spoilt, the exit code, and what the message must name."""

    make: Change
    named: tuple[str, ...]
    code: int = 2


def config(changes: Mapping[str, Any], **test04: Any) -> Change:
    return lambda folder, url: job(folder, url, changes, **test04)


def text(write: Callable[[str], str | bytes]) -> Change:
    """The config's own text, rewritten."""

    def make(folder: Path, url: str) -> Path:
        path = job(folder, url)
        new = write(path.read_text())
        path.write_bytes(new if isinstance(new, bytes) else new.encode())
        return path

    return make


def data(content: str | bytes, name: str = "prompts.jsonl", **dataset: Any) -> Change:
    def make(folder: Path, url: str) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return job(folder, url, {"dataset": {"path": name, **dataset}})

    return make


def rows(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    def make(folder: Path, url: str) -> Path:
        mine = prompts()
        change(mine)
        write_rows(folder / "prompts.jsonl", mine)
        return job(folder, url)

    return make


def nothing(folder: Path, url: str) -> Path:
    return folder / "missing.yaml"


SERVER = {"scenario": "Server", "load": {"target_qps": 10.0, "max_in_flight": None}}
CASES: dict[str, Case] = {
    "no config": Case(nothing, ("missing.yaml", "auditcube init")),
    "a directory as config": Case(lambda folder, url: folder, ("directory",)),
    "config not UTF-8": Case(text(lambda t: b"\xff" + t.encode()), ("job.yaml", "UTF-8")),
    "config not YAML": Case(text(lambda t: t + "load: [1,\n"), ("job.yaml, line", "not YAML")),
    "config empty": Case(text(lambda t: ""), ("job.yaml", "mapping")),
    "config a list": Case(text(lambda t: "- 1\n"), ("job.yaml", "mapping")),
    "config runs code": Case(text(lambda t: t + "x: !!python/object/apply:os.getcwd []\n"), ("job.yaml", "line")),
    "key twice": Case(text(lambda t: t + "scenario: Offline\n"), ("job.yaml, line", "scenario", "twice")),
    "unknown key": Case(config({"benchmarks": 1}), ("job.yaml, line", "benchmarks", "did you mean benchmark?")),
    "unknown key inside": Case(config({"load": {"max_inflight": 3}}), ("line", "load.max_inflight", "max_in_flight")),
    "key missing": Case(text(lambda t: t.replace("  api: videogen\n", "")), ("endpoint.api", "missing")),
    "wrong type": Case(config({"load": {"min_queries": "ten"}}), ("line", "load.min_queries", "integer")),
    "out of range": Case(config({"load": {"max_in_flight": 0}}), ("load.max_in_flight",)),
    "no number": Case(config({"load": {"min_duration_s": float("nan")}}), ("load.min_duration_s",)),
    "unknown scenario": Case(config({"scenario": "Online"}), ("scenario", "SingleStream")),
    "variable not set": Case(config({"benchmark": "${AUDITCUBE_NOT_SET}"}), ("line 1", "AUDITCUBE_NOT_SET")),
    "unknown API": Case(config({"endpoint": {"api": "grpc"}}), ("endpoint.api", "openai_chat")),
    "no HTTP URL": Case(config({"endpoint": {"url": "ftp://host"}}), ("endpoint.url",)),
    "credentials in URL": Case(
        config({"endpoint": {"url": "http://me:hunter2@host"}}), ("endpoint.url", "api_key_env")
    ),
    "a key as parameter": Case(config({"endpoint": {"parameters": {"api_key": "hunter2"}}}), ("endpoint.parameters",)),
    "no audit": Case(config({"audits": []}), ("job.yaml", "audits")),
    "unknown audit": Case(config({"audits": [{"test": "test99"}]}), ("audits[0].test", "test99", "test04")),
    "unknown audit key": Case(config({}, sample=3), ("line", "audits[0].sample", "did you mean samples?")),
    "audit without a name": Case(config({"audits": [{"samples": 3}]}), ("audits[0].test", "missing")),
    "index out of range": Case(config({}, sample_index=48), ("line", "audits[0].sample_index", "0 to 47")),
    "more samples than rows": Case(config({}, samples=49), ("audits[0].samples", "49", "48")),
    "Server with TEST04": Case(config(SERVER), ("audits[0]", "test04", "Offline")),
    "Server without a rate": Case(config({"scenario": "Server"}), ("load.target_qps",)),
    "a rate in Offline": Case(config({"load": {"target_qps": 5.0}}), ("load.target_qps",)),
    "more workers than queries": Case(config({"load": {"workers": 17}}), ("load.workers",)),
    "data set missing": Case(config({"dataset": {"path": "nowhere.jsonl"}}), ("nowhere.jsonl", "dataset.path")),
    "data set of a strange kind": Case(config({"dataset": {"path": "job.yaml"}}), ("job.yaml", ".jsonl")),
    "data set empty": Case(data("\n\n"), ("prompts.jsonl", "no rows")),
    "fewer rows than asked": Case(config({"dataset": {"samples": 99}}), ("prompts.jsonl", "99", "48")),
    "row not JSON": Case(data('{"prompt": "a"}\n{"prompt": \n'), ("prompts.jsonl, line 2",)),
    "row no object": Case(data('{"prompt": "a"}\n\n["b"]\n'), ("prompts.jsonl, line 3",)),
    "row not UTF-8": Case(data(b'{"prompt": "a"}\n{"prompt": "\xe9"}\n'), ("prompts.jsonl, line 2", "UTF-8")),
    "row not a number": Case(data('{"prompt": "a", "fps": NaN}\n'), ("prompts.jsonl, line 1",)),
    "column missing": Case(rows(lambda r: r[4].clear()), ("prompts.jsonl, line 5", "'prompt'")),
    "cell of a wrong type": Case(rows(lambda r: r[4].update(fps="fast")), ("line 5", "'fps'", "integer")),
    "column unknown": Case(rows(lambda r: r[4].update(colour="red")), ("line 5", "'colour'", "dataset.columns")),
    "cell missing": Case(data("prompt,fps\na,8\nb\n", "p.csv"), ("p.csv, line 3",)),
    "cell no number": Case(data("prompt,fps\na,fast\n", "p.csv"), ("p.csv, line 2", "'fps'")),
    "column twice": Case(data("prompt,prompt\na,b\n", "p.csv"), ("p.csv, line 1", "twice")),
    "CSV not UTF-8": Case(data(b"prompt\n\xe9\n", "p.csv"), ("p.csv", "UTF-8")),
    "Parquet in name only": Case(data(b"PAR1", "p.parquet"), ("p.parquet", "Parquet")),
}


# One case of each kind is also tried as a user would.
AS_A_USER = ("no config", "unknown key inside", "Server with TEST04", "cell of a wrong type", "index out of range")


def refused(name: str, folder: Path, honest: Server, command: Callable[..., Ended]) -> None:
    path = CASES[name].make(folder, honest.url)
    honest.reset()
    done = command("audit", "--config", path, "--output_dir", folder / "out")
    assert (done.code, done.out) == (CASES[name].code, ""), done.err
    assert done.err.startswith("auditcube: ")
    assert 1 <= done.err.count("\n") <= 2
    for part in CASES[name].named:
        assert part in done.err
    assert "hunter2" not in done.err
    assert not (folder / "out").exists()
    assert honest.stats()["requests"] == 0


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused(honest: Server, tmp_path: Path, name: str) -> None:
    refused(name, tmp_path, honest, called)


@pytest.mark.parametrize("name", AS_A_USER)
def test_the_installed_command_refuses_bad_input(honest: Server, tmp_path: Path, name: str) -> None:
    refused(name, tmp_path, honest, auditcube)


def test_a_result_is_replaced_only_when_asked(honest: Server, audited: Path, tmp_path: Path) -> None:
    path = job(tmp_path, honest.url)
    before = contents(audited)
    honest.reset()
    done = audit(path, audited)
    assert (done.code, done.out) == (3, "")
    assert str(audited) in done.err
    assert "--overwrite" in done.err
    assert honest.stats()["requests"] == 0
    assert contents(audited) == before
    assert audit_here(path, tmp_path / "out").code == 0
    first = sidecar(tmp_path / "out")["run_id"]
    assert audit(path, tmp_path / "out", "--overwrite").code == 0
    assert sidecar(tmp_path / "out")["run_id"] != first


def test_what_is_not_ours_is_never_removed(honest: Server, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    path = job(tmp_path, honest.url)
    for more in ([], ["--overwrite"]):
        assert audit_here(path, out, *more).code == 3
    assert contents(out) == {"thesis.tex": b"years of work"}


def test_an_output_below_a_file_is_refused(honest: Server, tmp_path: Path) -> None:
    path = job(tmp_path, honest.url)
    honest.reset()
    done = audit(path, path / "out")
    assert (done.code, done.out) == (3, "")
    assert str(path / "out") in done.err
    assert honest.stats()["requests"] == 0


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own; skips where nobody may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_output_is_refused(honest: Server, tmp_path: Path) -> None:
    path = job(tmp_path, honest.url)
    with mounted(tmp_path / "disk", "ro,size=1m") as disk:
        done = audit_here(path, disk / "out")
    assert (done.code, done.out) == (3, "")
    assert str(disk / "out") in done.err
    assert "read-only" in done.err


def test_an_output_that_may_not_be_written_is_refused(honest: Server, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    out = tmp_path / "out"
    out.mkdir(mode=0o500)
    done = audit(job(tmp_path, honest.url), out)
    assert (done.code, done.out) == (3, "")
    assert str(out) in done.err
    assert "permission denied" in done.err


@pytest.mark.parametrize("size", ["4k", "12k", "24k", "40k"])
def test_a_full_disk_ends_the_task(honest: Server, tmp_path: Path, size: str) -> None:
    """Full while the runs are prepared, made, or written up."""
    path = job(tmp_path, honest.url)
    with mounted(tmp_path / "disk", f"size={size}") as disk:
        done = audit_here(path, disk / "out")
        assert not (disk / "out" / SIDECAR).exists()
    assert (done.code, done.out) == (3, "")
    assert f"{disk}/out" in done.err
    assert "no space left" in done.err


@pytest.mark.parametrize("limit", [2000, 3000])
def test_a_file_that_may_not_grow_ends_the_task(honest: Server, tmp_path: Path, limit: int) -> None:
    """What needs no right to mount: the limit on the size of a file, met in the midst of a run."""
    path, out = job(tmp_path, honest.url), tmp_path / "out"
    done = subprocess.run(
        [AUDITCUBE, "audit", "--config", str(path), "--output_dir", str(out)],
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert f"{out}/runs/" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (out / SIDECAR).exists()


def test_every_problem_of_a_config_is_told_at_once(tmp_path: Path) -> None:
    path = job(tmp_path, "ftp://host", {"load": {"workers": 0, "max_inflight": 2}, "claim_status": "great"})
    done = audit_here(path, tmp_path / "out")
    assert done.code == 2
    for part in ("endpoint.url", "load.workers", "load.max_inflight", "claim_status"):
        assert part in done.err


def test_variables_and_defaults_reach_the_config(honest: Server, tmp_path: Path) -> None:
    changes = {"benchmark": "${BENCH:-river}", "load": {"max_in_flight": "${SLOTS:-8}"}}
    path = job(tmp_path, "${ENDPOINT_URL:-http://127.0.0.1:1}", changes)
    assert audit_here(path, tmp_path / "a", variables={"ENDPOINT_URL": honest.url, "SLOTS": "12"}).code == 0
    effective = yaml.safe_load((tmp_path / "a/config.yaml").read_text())
    assert (effective["benchmark"], effective["load"]["max_in_flight"]) == ("river", 12)
    assert audit_here(path, tmp_path / "b").code == 3
