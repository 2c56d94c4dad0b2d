"""What belongs to one person or one machine, used in a run from end to end, is in no byte that the run writes.

Each canary is a value that a leak would repeat: the key, a URL's credentials, the home directory, the host's name, the
batch system's names. The config refuses what has no place in it, and repeats none of it either.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from e2e.commands import Server, audit, audit_here, auditcube, called, contents, job, prompts, sidecar, write_rows

KEY_NAME = "RIVER_KEY"
CANARY = "ermintrude"
SLURM = {
    "SLURM_JOB_ID": "48151623",
    "SLURM_JOB_NAME": f"{CANARY}-job",
    "SLURM_JOB_NODELIST": f"{CANARY}[001-004]",
    "SLURMD_NODENAME": f"{CANARY}001",
    "SLURM_JOB_ACCOUNT": f"acct-{CANARY}",
    "SLURM_JOB_USER": f"{CANARY}17",
    "SLURM_SUBMIT_HOST": f"login-{CANARY}",
    "SLURM_JOB_PARTITION": f"part-{CANARY}",
    "SLURM_CLUSTER_NAME": f"cluster-{CANARY}",
}
# Allowed by name; the values of the last two are not of the form allowed for them.
SHAPE = {"SLURM_JOB_NUM_NODES": "4", "SLURM_GPUS_PER_NODE": f"{CANARY}gpu:4", "NCCL_ALGO": f"/home/{CANARY}17/algo.so"}
WHO = {"USER": f"{CANARY}17", "LOGNAME": f"{CANARY}17", "HOSTNAME": f"{CANARY}001", "HF_HOME": f"/home/{CANARY}17/hf"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Work in a home directory of a user with a name: configs, data and results lie in it."""
    folder = tmp_path / "home" / f"{CANARY}17" / "work"
    folder.mkdir(parents=True)
    return folder


def canaries(home: Path, *more: str) -> list[bytes]:
    hosts = [name for name in (socket.gethostname(), socket.getfqdn()) if len(name) > 5 and name != "localhost"]
    return [text.encode() for text in (CANARY, SLURM["SLURM_JOB_ID"], str(home), *hosts, *more)]


def leaked(folder: Path, values: list[bytes]) -> list[tuple[str, bytes]]:
    files = contents(folder)
    assert files
    return [(name, value) for name, data in files.items() for value in values if value.lower() in data.lower()]


def test_no_canary_is_in_any_byte_written(home: Path) -> None:
    key = f"sk-{CANARY}-" + "Zq8xW3vT9rLp2mN7"
    variables = {KEY_NAME: key, "HOME": str(home.parent), **SLURM, **SHAPE, **WHO}
    with Server("--require-key-env", KEY_NAME, "--nuisance", "errors=0.2", variables={KEY_NAME: key}) as server:
        data = write_rows(home / "prompts.jsonl", prompts())
        config = job(home, server.url, {"endpoint": {"api_key_env": KEY_NAME}, "dataset": {"path": str(data)}})
        done = audit(config, home / "out", "-v", variables=variables)
    assert done.code in (0, 1, 6)
    told = auditcube("verify", home / "out", "--output_dir", home / "checked", variables=variables)
    assert told.code == done.code
    values = canaries(home, key, server.url, server.url.rpartition("/")[2])
    assert leaked(home / "out", values) == []
    assert leaked(home / "checked", values) == []
    assert not any(value in (done.err + told.err).encode() for value in (key.encode(), SLURM["SLURM_JOB_ID"].encode()))
    for output in ("out", "checked"):
        assert sidecar(home / output)["redaction_status"] == "safe_for_public_log"
        environment = sidecar(home / output)["environment"]
        assert environment["slurm"] == {"nodes": 4}
        assert environment["withheld"] == ["NCCL_ALGO", "SLURM_GPUS_PER_NODE"]


def test_no_canary_is_in_what_is_signed_and_exported(home: Path) -> None:
    """Names of the signer and of the machine are in a key's comment, and in no signature."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen here")
    with Server() as server:
        assert audit_here(job(home, server.url), home / "out", variables={**SLURM, **SHAPE, **WHO}).code in (0, 1, 6)
    comment = f"{CANARY}17@{CANARY}001"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(home / "key")]
    subprocess.run(command, check=True, capture_output=True)
    for kind in ("ssh", "dsse"):
        assert called("sign", home / "out", "--key", home / "key", "--sign", kind).code == 0
    exported = home / "exported"
    for form in ("minimal", "in-toto", "slsa", "ro-crate", "endpoints", "inference"):
        if form in ("endpoints", "inference"):
            (exported / form).mkdir()
        done = called("export", home / "out", "--to", form, "--output", exported / form)
        assert (done.code, done.err) == (0, "")
    values = canaries(home, (home / "key").read_text().splitlines()[1])
    assert leaked(home / "out", values) == []
    assert leaked(exported, values) == []


@pytest.mark.parametrize(
    "url",
    [f"http://{CANARY}:s3cret@127.0.0.1:1", f"http://{CANARY}@127.0.0.1:1", f"http://127.0.0.1:1/?token={CANARY}9"],
    ids=["user and password", "user", "query"],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(home: Path, url: str) -> None:
    config = job(home, url)
    done = audit_here(config, home / "out")
    assert done.code == 2
    assert CANARY not in done.out + done.err.replace(str(home), "")
    assert not (home / "out").exists() or not os.listdir(home / "out")


def test_what_the_config_itself_tells_is_found(home: Path) -> None:
    """A name that someone writes into the config is theirs to publish; the sidecar does not call it safe."""
    with Server() as server:
        config = job(home, server.url, {"dataset": {"provenance": f"/home/{CANARY}17/data"}})
        assert audit(config, home / "out").code in (0, 1, 6)
    manifest = sidecar(home / "out")
    assert manifest["redaction_status"] == "contains_findings"
    assert manifest["dataset_refs"][0]["redaction_status"] == "contains_findings"
    assert manifest["redaction"]["findings"].keys() == {"home-directory"}
    copy = auditcube("redact", home / "out", "--output_dir", home / "copy", "--json")
    assert copy.code == 0, copy.err
    assert leaked(home / "copy", [CANARY.encode()]) == []
    assert auditcube("manifest", "validate", home / "copy").code == 0
    assert sidecar(home / "copy")["dataset_refs"][0]["redaction_status"] == "redacted"
