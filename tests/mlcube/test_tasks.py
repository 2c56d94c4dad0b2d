"""The tasks against an endpoint on the host: verdicts, exit codes, and what must not be lost or left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from mlcube.cube import CANARY, IMAGE, SIDECAR, Cube, Endpoint, auditcube, engine, environment, everything, sidecar

pytestmark = pytest.mark.engine

OVERWRITE = {"AUDITCUBE_OVERWRITE": "1"}


def test_three_tasks_in_one_call_and_what_follows(cube: Cube, honest: Endpoint) -> None:
    workspace = cube.workspace("http://127.0.0.1:1")
    where = f"--workspace={workspace}"
    url = {"ENDPOINT_URL": honest.url}
    done = cube.run("run_reference,run_audit,verify", where, variables=url)
    assert done.code == 0, done.out
    reference, audit, verified = (workspace / f"{name}_results" for name in ("run_reference", "run_audit", "verify"))
    assert [v["outcome"] for v in sidecar(audit)["verdicts"]] == ["PASS"]
    assert sidecar(verified)["verdicts"] == sidecar(audit)["verdicts"]
    assert sidecar(verified)["runner"] == sidecar(audit)["runner"] == sidecar(reference)["runner"]
    assert [parent["task"] for parent in sidecar(verified)["parents"]] == ["run_reference", "run_audit"]
    assert auditcube("verify", "--reference_dir", reference, "--audit_dir", audit) == 0

    # A result is not replaced unasked, and nothing of it is lost.
    before = everything(workspace)
    refused = cube.run("run_reference", where, variables=url)
    assert refused.code == 3, refused.out
    assert "AUDITCUBE_OVERWRITE=1" in refused.out
    assert everything(workspace) == before

    # One number changed in the reference, and verify rejects it; asked to, it replaces its own result.
    events = reference / "runs" / "reference" / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b'"status":"ok"', b'"status":"no"', 1))
    assert events.read_bytes() != before["run_reference_results/runs/reference/events.jsonl"]
    assert cube.run("verify", where, variables=OVERWRITE).code == 5
    assert sidecar(verified)["task_status"]["exit_code"] == 5


def test_audit_with_no_edit_and_no_key_in_sight(cube: Cube, tmp_path: Path) -> None:
    """The endpoint asks for the key, which reaches the container by its name alone."""
    with Endpoint("--require-key-env", "ENDPOINT_API_KEY") as endpoint:
        workspace = cube.workspace(endpoint.url)
        seen: list[bytes] = []
        over = threading.Event()
        watcher = threading.Thread(target=watch_command_lines, args=(seen, over))
        watcher.start()
        done = cube.run("audit", f"--workspace={workspace}")
        over.set()
        watcher.join()
    assert done.code == 0, done.out
    assert sidecar(workspace / "audit_results")["task_status"] == {"state": "completed", "exit_code": 0}
    assert seen
    assert not any(CANARY.encode() in line for line in seen)
    assert CANARY not in done.out
    assert not any(CANARY.encode() in data for data in everything(tmp_path).values())


def watch_command_lines(seen: list[bytes], over: threading.Event) -> None:
    """Every command line on this machine, many times a second, as any other user could read them."""
    known = set()
    while not over.wait(0.02):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                known.add((folder / "cmdline").read_bytes())
            except OSError:
                continue
    seen += known


def test_a_caching_endpoint_fails(cube: Cube) -> None:
    with Endpoint("--cheat", "exact_cache", service_ms=60) as endpoint:
        workspace = cube.workspace(endpoint.url, threshold=0.1)
        assert cube.run("audit", f"--workspace={workspace}").code == 1
    assert [v["outcome"] for v in sidecar(workspace / "audit_results")["verdicts"]] == ["FAIL"]


def test_a_dead_endpoint_is_no_result(cube: Cube) -> None:
    workspace = cube.workspace("http://127.0.0.1:1")
    done = cube.run("audit", f"--workspace={workspace}")
    assert done.code == 3, done.out
    assert not list(workspace.rglob(SIDECAR))


def test_ctrl_c_leaves_no_container_and_no_sidecar(cube: Cube) -> None:
    with Endpoint(service_ms=2000) as endpoint:
        workspace = cube.workspace(endpoint.url)
        process = subprocess.Popen(
            cube.command("run", "--task=audit", f"--workspace={workspace}"),
            env=environment(cube.tmp),
            cwd=cube.tmp,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        events = workspace / "audit_results" / "runs" / "reference" / "events.jsonl"
        deadline = time.monotonic() + 30
        while not (events.exists() and events.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert events.exists()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) != 0
    time.sleep(0.5)
    assert not list(workspace.rglob(SIDECAR))
    assert not processes_with(str(workspace))
    if cube.platform == "docker":
        assert engine("ps", "--all", "--quiet", "--filter", f"ancestor={IMAGE}") == ""


def processes_with(text: str) -> list[str]:
    """Command lines of running processes with this text in them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


def test_two_workspaces_at_once(docker_cube: Cube, honest: Endpoint) -> None:
    codes: dict[str, int] = {}

    def run(name: str) -> None:
        workspace = docker_cube.workspace(honest.url, name)
        codes[name] = docker_cube.run("audit", f"--workspace={workspace}").code

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {"one": 0, "other": 0}
    first, second = (sidecar(docker_cube.tmp / name / "audit_results") for name in ("one", "other"))
    assert first["run_id"] != second["run_id"]


def test_the_other_verbs(docker_cube: Cube) -> None:
    assert docker_cube.call("show_config", "--resolve").code == 0
    before = engine("image", "inspect", "-f", "{{.Id}}", IMAGE)
    assert docker_cube.call("configure").code == 0
    assert engine("image", "inspect", "-f", "{{.Id}}", IMAGE) == before
    described = subprocess.run(
        [docker_cube.command("describe")[0], "describe", docker_cube.command("describe")[2]],
        env=environment(docker_cube.tmp),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert described.returncode == 0, described.stderr
    assert all(
        f"name = {task}," in described.stdout for task in ("audit", "run_reference", "run_audit", "verify", "demo")
    )
