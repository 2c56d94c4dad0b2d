"""`auditcube record` around the real `mlcube run` of MLCubes like the public examples, and of our own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditcube.evidence.store import Store
from auditcube.manifest.fields import covered
from auditcube.manifest.validator import validate
from auditcube.verification import check
from bundles import Bundle
from mlcube.cube import CANARY, ROOT, SIDECAR, Cube, auditcube, engine, environment, everything, sidecar
from mlcube.cube import sha256 as digest_of
from mlcube.others import IMAGES, PRINTS_HELP, Other, sha256
from test_chain_edits import changes, forge

pytestmark = pytest.mark.engine


def holds(folder: Path, code: int = 0) -> None:
    """The sidecar validates, and `verify` comes to this exit code."""
    assert validate([folder]).findings == []
    assert auditcube("verify", folder) == code


def refs(manifest: Any) -> dict[str, Any]:
    return {ref["source_id"]: ref for ref in manifest["dataset_refs"]}


def nothing_private(cube: Other, folder: Path) -> None:
    """No secret and no path of this machine is in any file of a record."""
    kept = everything(folder)
    assert kept
    for word in (CANARY, str(cube.tmp), f"{os.environ['HOME']}/"):
        assert [name for name, data in kept.items() if word.encode() in data] == []


def test_hello_world(hello_world: Other) -> None:
    done = hello_world.record("--task=hello,bye")
    assert done.code == 0, done.err
    assert "hello: Alice" in done.out
    holds(done.folder)
    nothing_private(hello_world, done.folder)
    manifest = done.manifest
    assert manifest["mlcube_task"] == "record hello,bye"
    assert manifest["benchmark"] == "hello_world"
    assert manifest["task_status"] == {"state": "completed", "exit_code": 0}
    assert manifest["mlcube_config_hash"] == f"sha256:{digest_of(hello_world.root / 'mlcube.yaml')}"
    name = digest_of(hello_world.workspace / "names" / "alice.txt")
    assert [refs(manifest)[f"{task}.name"]["digest"]["sha256"] for task in ("hello", "bye")] == [name, name]
    chat = (hello_world.workspace / "chats" / "chat_with_alice.txt").read_bytes()
    assert chat.decode().splitlines() == ["Hello Alice! Nice to meet you.", "Bye Alice! See you soon."]
    assert manifest["result_paths"] == ["record.json", "recorded/hello/chat.txt", "recorded/bye/chat.txt"]
    assert all((done.folder / path).read_bytes() == chat for path in manifest["result_paths"][1:])
    assert manifest["redaction_status"] == "safe_for_public_log"
    check_image(hello_world, manifest)


def check_image(cube: Other, manifest: Any) -> None:
    """The engine itself knows the image by the digests in the sidecar."""
    identity = manifest["image_identity"]
    assert (identity["resolved_by"], identity["contradictions"], identity["unknown"]) == ("host", [], [])
    if cube.platform == "docker":
        image = IMAGES[cube.root.name]
        assert manifest["runner"] == engine("--version").split()[0].lower()
        assert manifest["image"] == identity["reference"] == image
        told = engine("image", "inspect", "-f", "{{.Id}}", image).removeprefix("sha256:")
        assert identity["config_digest"]["sha256"] == told
    else:
        (sif,) = Path(cube.variables["CUBE_SIF_DIR"]).glob(f"{cube.root.name}-*.sif")
        assert (manifest["runner"], manifest["image"]) == ("singularity", sif.name)
        assert identity["sif_sha256"] == digest_of(sif)


def test_matmul_and_an_edit_of_each_file(matmul: Other) -> None:
    done = matmul.record("--task", "matmul")
    assert done.code == 0, done.err
    holds(done.folder)
    nothing_private(matmul, done.folder)
    manifest = done.manifest
    assert manifest["benchmark"] == "matmul"
    shapes = refs(manifest)["matmul.parameters_file"]
    assert shapes["digest"]["sha256"] == digest_of(matmul.workspace / "shapes.yaml")
    product = json.loads((done.folder / "recorded/matmul/output_file.json").read_text("utf-8"))
    assert product["shape"] == [10, 30]
    rows = {path.name for path in (done.folder / "recorded/matmul/rows_dir").iterdir()}
    assert rows == {"begun", "row_0.json", "row_1.json", "row_2.json"}
    check_image(matmul, manifest)
    for path in [*done.folder.rglob("*")]:
        if path.is_file():
            before = path.read_bytes()
            path.write_bytes(before + b" ")
            assert auditcube("verify", done.folder) == 5, path
            path.write_bytes(before)
    holds(done.folder)


def test_every_edit_of_the_sidecar_is_found(docker_matmul: Other) -> None:
    done = docker_matmul.record()
    bundle = Bundle(done.folder)
    task = bundle.manifest["mlcube_task"]
    edits = changes(bundle.manifest)
    assert len(edits) > 100
    missed = []
    for edit in edits:
        forge(bundle, edit.value)
        if not validate([done.folder]).findings and not check(Store(done.folder)).findings:
            missed.append(edit)
    assert [(edit.pointer, edit.how) for edit in missed if covered(task, edit.pointer)] == []
    assert missed


FORGED: dict[str, Callable[[Bundle], None]] = {
    "another output": lambda b: b.replace("recorded/matmul/rows_dir/row_0.json", "maximum", "minimum"),
    "another file": lambda b: b.replace("recorded/matmul/output_file.json", "shape", "shapes"),
    "one output less": lambda b: b.unlist("recorded/matmul/rows_dir/row_0.json"),
    "another configuration": lambda b: b.replace("config.yaml", "--rm --init", "--rm"),
    "a failed task": lambda b: b.edit("record.json", lambda told: told["ended"].update(exit_code=1)),
    "another input": lambda b: b.edit("record.json", lambda told: told["inputs"][0].update(parameter="other")),
    "an output without a copy": lambda b: b.edit("record.json", lambda told: told["outputs"][0].update(copy=None)),
    "no output": lambda b: b.edit("record.json", lambda told: told["outputs"].clear()),
    "another image": lambda b: b.edit("record.json", lambda told: told.update(image="localhost/other:1")),
    "copies in another place": lambda b: b.edit("record.json", lambda t: t["outputs"][0].update(copy="config.yaml")),
    "no record": lambda b: b.edit("record.json", lambda told: told.clear()),
    "an archive of numbers": lambda b: b.claim(lambda m: m.update(run_durations_ns={"matmul": 10**12})),
}


def test_a_forged_record_is_found(docker_matmul: Other) -> None:
    """Every digest is right again, and what the files say of each other is not."""
    done = docker_matmul.record()
    for name, forged in FORGED.items():
        bundle = Bundle.copied(done.folder, docker_matmul.tmp / name)
        forged(bundle)
        assert validate([bundle.root]).findings == [], name
        assert check(Store(bundle.root)).findings, name


def test_a_failed_task_is_a_failed_sidecar(matmul: Other) -> None:
    (matmul.workspace / "shapes.yaml").write_text("matrix_a: [2, 3]\nmatrix_b: [3, 2]\nexit_code: 9\n")
    done = matmul.record()
    assert done.code == 9
    holds(done.folder, 4)
    assert done.manifest["task_status"] == {"state": "failed", "exit_code": 9}
    assert auditcube("review", matmul.tmp) == 4
    # It did not get as far as its outputs.
    (matmul.workspace / "shapes.yaml").write_text("matrix_a: [2, 3]\nmatrix_b: [4, 2]\n")
    shutil.rmtree(matmul.workspace / "rows")
    (matmul.workspace / "matmul.json").unlink()
    done = matmul.record(to="again")
    assert done.code == 1
    holds(done.folder, 4)
    assert done.manifest["result_paths"] == ["record.json"]


def test_zero_without_a_run_is_no_success(docker_matmul: Other) -> None:
    assert docker_matmul.record(to="first").code == 0
    done = docker_matmul.record(PRINTS_HELP)
    assert (done.code, done.manifest["task_status"]) == (0, {"state": "unknown", "exit_code": 0})
    assert "no output was written" in done.err
    holds(done.folder, 6)
    (docker_matmul.workspace / "matmul.json").unlink()
    done = docker_matmul.record(PRINTS_HELP, to="missing")
    assert (done.code, done.manifest["task_status"]["state"]) == (0, "failed")
    holds(done.folder, 4)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_container_and_is_recorded(matmul: Other, signum: signal.Signals) -> None:
    (matmul.workspace / "shapes.yaml").write_text("matrix_a: [2, 3]\nmatrix_b: [3, 2]\nsleep_s: 60\n")
    process = subprocess.Popen(
        matmul.command(), env=matmul.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(matmul.workspace / "rows" / "begun")
    process.send_signal(signum)
    _, said = process.communicate(timeout=40)
    assert process.returncode not in (0, None)
    folder = matmul.tmp / "out"
    holds(folder, 4)
    assert sidecar(folder)["task_status"] == {"state": "failed", "exit_code": process.returncode}
    assert f"interrupted by signal {signum.value}" in said.decode()
    if matmul.platform == "docker":
        assert engine("ps", "--quiet", "--filter", f"ancestor={IMAGES['matmul']}") == ""


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


def test_an_input_that_changes_meanwhile_is_told(docker_matmul: Other) -> None:
    shapes = docker_matmul.workspace / "shapes.yaml"
    before = b"matrix_a: [2, 3]\nmatrix_b: [3, 2]\nsleep_s: 3\n"
    shapes.write_bytes(before)
    process = subprocess.Popen(
        docker_matmul.command(), env=docker_matmul.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(docker_matmul.workspace / "rows" / "begun")
    shapes.write_bytes(b"matrix_a: [5, 3]\nmatrix_b: [3, 5]\n")
    assert process.wait(60) == 0
    manifest = sidecar(docker_matmul.tmp / "out")
    ref = refs(manifest)["matmul.parameters_file"]
    assert ref["digest"]["sha256"] == sha256(before)
    assert "another after it" in ref["provenance"]
    assert any("was not the same before and after" in text for text in manifest["non_claims"])
    holds(docker_matmul.tmp / "out")


def test_an_image_made_anew_meanwhile_is_told(docker_hello: Other) -> None:
    image = f"{IMAGES['hello_world']}-anew"
    cube = replace(docker_hello, variables={**docker_hello.variables, "HELLO_IMAGE": image})
    cube.edit("build_strategy: auto", "build_strategy: always")
    try:
        first = cube.record("--task=hello")
        assert first.manifest["image_identity"]["contradictions"] == []
        cube.edit("Hello {}!", "Hello again {}!", "hello_world.py")
        done = cube.record("--task=hello", to="again")
        (told,) = done.manifest["image_identity"]["contradictions"]
        assert "another one before the run than after it" in told
        known = engine("image", "inspect", "-f", "{{.Id}}", image).removeprefix("sha256:")
        assert done.manifest["image_identity"]["config_digest"]["sha256"] == known
        holds(done.folder)
    finally:
        engine("rmi", "--force", image)


def test_what_is_given_on_the_command_line(docker_hello: Other) -> None:
    """Parameters by their values, names that MLCube passes over, a workspace to be filled, and no value of any."""
    secret = docker_hello.tmp / CANARY
    secret.mkdir()
    (secret / "bob.txt").write_text("Bob\n")
    words = [f"name={secret / 'bob.txt'}", f"--config={CANARY}", f"api_key={CANARY}", "--memory=512m"]
    done = docker_hello.record("--task=hello", *words, f"--workspace={docker_hello.tmp / 'elsewhere'}")
    assert done.code == 0, done.err
    holds(done.folder)
    nothing_private(docker_hello, done.folder)
    assert refs(done.manifest)["hello.name"]["digest"]["sha256"] == sha256(b"Bob\n")
    assert "--memory: 512m" in (done.folder / "config.yaml").read_text("utf-8")
    passed_over = [text for text in done.manifest["non_claims"] if text.startswith("On the command line")]
    assert [text.split()[5].rstrip(",") for text in passed_over] == ["config", "api_key"]

    filled = docker_hello.record("--task=bye", f"--workspace={docker_hello.tmp / 'other'}", to="filled")
    ref = refs(filled.manifest)["bye.name"]
    assert ref["digest"]["sha256"] == digest_of(docker_hello.workspace / "names" / "alice.txt")
    assert "from its own workspace" in ref["provenance"]
    holds(filled.folder)


def test_digests_without_copies(docker_matmul: Other) -> None:
    done = docker_matmul.record("--task=matmul", options=("--digests_only", "--json"))
    assert done.code == 0
    assert json.loads(done.out[done.out.index("{\n") :])["state"] == "completed"
    holds(done.folder)
    assert {path.name for path in done.folder.iterdir()} == {
        SIDECAR, "mlcube.run_audit.intoto.json", "config.yaml", "record.json",
    }  # fmt: skip
    outputs = {entry["parameter"]: entry for entry in json.loads((done.folder / "record.json").read_text())["outputs"]}
    assert outputs["output_file"]["digest"]["sha256"] == digest_of(docker_matmul.workspace / "matmul.json")
    listing = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum"
    rows = subprocess.run(listing, shell=True, cwd=docker_matmul.workspace / "rows", capture_output=True, text=True)
    assert outputs["rows_dir"]["directory_digest"]["dirHash1"] == rows.stdout.split()[0]
    assert sum("only its digest is here" in text for text in done.manifest["non_claims"]) == 2


def test_an_output_that_is_no_text_is_withheld_whole_from_a_copy(docker_matmul: Other) -> None:
    (docker_matmul.workspace / "rows").mkdir()
    (docker_matmul.workspace / "rows" / "weights.bin").write_bytes(bytes(range(256)))
    done = docker_matmul.record()
    assert done.manifest["redaction_status"] == "not_scanned"
    public = docker_matmul.tmp / "public"
    assert auditcube("redact", done.folder, "--output_dir", public) == 0
    assert (public / "recorded/matmul/rows_dir/weights.bin").read_text() == "[withheld:output]\n"
    assert validate([public]).findings == []
    copy = check(Store(public))
    assert copy.findings == []
    assert [limit.split(":")[0] for limit in copy.limits] == ["recorded/matmul/rows_dir"]


def test_podman_under_its_own_name(docker_hello: Other) -> None:
    if shutil.which("podman") is None:
        pytest.skip("no podman here")
    docker_hello.edit("docker:\n", "docker:\n  docker: podman\n")
    done = docker_hello.record("--task=hello")
    assert (done.code, done.manifest["runner"]) == (0, "podman")
    assert done.manifest["image_identity"]["unknown"] == []


def test_nothing_is_run_and_nothing_written_where_it_cannot_be(docker_hello: Other) -> None:
    before = everything(docker_hello.tmp)
    for code, text, words in [
        (2, "has no task 'nope'; it has hello, bye", ["--task=nope"]),
        (2, "choose with --task", []),
        (2, "knows no platform nope", ["--task=hello", "--platform=nope"]),
        (2, "Interpolation", ["--task=hello", "-Pdocker.image=${nope}"]),
        (2, "overlaps", ["--task=hello", f"chat={docker_hello.tmp / 'out' / 'chat.txt'}"]),
    ]:
        done = docker_hello.record(*words)
        assert done.code == code, done.err
        assert text in done.err
        assert not done.folder.exists()
    docker_hello.edit("docker:\n", "docker:\n  docker: no-such-engine\n")
    done = docker_hello.record("--task=hello")
    assert (done.code, done.folder.exists()) == (3, False)
    assert "calls no-such-engine" in done.err
    docker_hello.edit("  docker: no-such-engine\n", "")
    settings = {name: data for name, data in everything(docker_hello.tmp).items() if "settings" not in name}
    assert settings == before


def test_a_result_is_replaced_only_if_asked(docker_hello: Other) -> None:
    assert docker_hello.record("--task=hello").code == 0
    before = everything(docker_hello.tmp)
    refused = docker_hello.record("--task=bye")
    assert refused.code == 3
    assert "--overwrite" in refused.err
    assert everything(docker_hello.tmp) == before
    done = docker_hello.record("--task=bye", options=("--overwrite",))
    assert done.manifest["mlcube_task"] == "record bye"
    holds(done.folder)


def test_our_own_mlcube(docker_cube: Cube) -> None:
    """Its own sidecar is among the outputs, and both are validated."""
    demo, out = docker_cube.tmp / "demo", docker_cube.tmp / "out"
    command = docker_cube.command("run", "--task=demo", f"output_dir={demo}", "--network=none")
    done = subprocess.run(
        ["auditcube", "record", "--output_dir", out, "--", *command], env=with_auditcube(docker_cube),
        cwd=docker_cube.tmp, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    holds(out)
    assert auditcube("review", out) == 0
    recorded, own = sidecar(out), sidecar(out / "recorded/demo/output_dir")
    assert recorded["mlcube_config_hash"] == own["mlcube_config_hash"] == f"sha256:{digest_of(ROOT / 'mlcube.yaml')}"
    assert recorded["image_identity"]["config_digest"] == own["image_identity"]["config_digest"]
    assert not any(CANARY.encode() in data for data in everything(out).values())
    # A copy that may be published is one of both.
    assert auditcube("redact", out, "--output_dir", docker_cube.tmp / "public") == 0
    holds(docker_cube.tmp / "public")


def with_auditcube(cube: Cube) -> dict[str, str]:
    variables = environment(cube.tmp)
    return {**variables, "PATH": f"{ROOT / '.venv' / 'bin'}:{variables['PATH']}"}
