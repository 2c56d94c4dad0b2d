"""The Slurm examples, run: stand-ins for Slurm and for the container execute the job on this machine.

What they are told is kept, and compared with what Slurm, Pyxis and Apptainer must be told.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLURM = ROOT / "examples" / "slurm"
AUDITCUBE = Path(sys.executable).with_name("auditcube")
JOBS = ("wan22-offline.sh", "wan22-single-stream.sh", "llm-offline.sh", "llm-server.sh")
KEY = "sk-not-to-be-seen-anywhere"

# Every node is this machine, under an address of its own.
SCONTROL = """\
#!/bin/bash
for n in $(seq "$FAKE_NODES"); do echo "127.0.0.$n"; done
"""
SBATCH = """\
#!/bin/bash
export FAKE_NODES=$(sed -n 's/^#SBATCH --nodes=//p' "$1")
while [[ $2 == --nodes=* ]]; do FAKE_NODES=${2#--nodes=}; set -- "$1" "${@:3}"; done
export SLURM_JOB_ID=77 SLURM_JOB_NODELIST=nodes SLURM_SUBMIT_DIR=$PWD
export SLURM_JOB_NUM_NODES=$FAKE_NODES SLURM_GPUS_PER_NODE=gb200:4 SLURM_JOB_ACCOUNT=acme
exec bash "$1"
"""
SRUN = """\
#!/bin/bash
printf '%s\\n' srun "$@" >>"$FAKE_LOG"
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
APPTAINER = """\
#!/bin/bash
printf '%s\\n' apptainer "$@" >>"$FAKE_LOG"
pass=(PATH="$PATH" APPTAINER_CONTAINER=/images/auditcube.sif)
while IFS='=' read -r name value; do pass+=("${name#APPTAINERENV_}=$value"); done < <(env | grep ^APPTAINERENV_)
while [ $# -gt 0 ] && [[ $1 != *.sif ]]; do
  if [ "$1" = --env ]; then pass+=("$2"); shift; fi
  shift
done
exec env -i "${pass[@]}" auditcube "${@:2}"
"""


@dataclass(frozen=True)
class Cluster:
    """A folder with the stand-ins, and the image."""

    folder: Path

    def sbatch(self, job: str, *arguments: str, **variables: str) -> tuple[int, str]:
        environ = {
            "PATH": f"{self.folder / 'bin'}:{AUDITCUBE.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "FAKE_LOG": str(self.folder / "log"),
            "IMAGE": str(self.folder / "auditcube.sif"),
            "OUTPUT_DIR": str(self.folder / "out"),
            "ENDPOINT_API_KEY": KEY,
            **variables,
        }
        done = subprocess.run(
            [str(self.folder / "bin" / "sbatch"), str(SLURM / job), *arguments],
            cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout

    @property
    def log(self) -> list[str]:
        return (self.folder / "log").read_text("utf-8").splitlines()

    @property
    def sidecar(self) -> Any:
        return json.loads((self.folder / "out" / "mlcube.run_audit.json").read_text("utf-8"))


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "bin").mkdir()
    for name, text in {"scontrol": SCONTROL, "sbatch": SBATCH, "srun": SRUN, "apptainer": APPTAINER}.items():
        path = tmp_path / "bin" / name
        path.write_text(text, "utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "auditcube.sif").write_bytes(b"an image")
    return Cluster(tmp_path)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return str(probe.getsockname()[1])


def server(port: str, *arguments: str) -> dict[str, str]:
    """As many servers as there are server nodes would be started; on one machine the first of them is all."""
    command = ["auditcube", "demo_endpoint", "--host", "0.0.0.0", "--port", port, "--slots", "72", *arguments]
    return {"PORT": port, "READY_S": "30", "SERVER_COMMAND": f"exec {' '.join(command)}"}


SHA256 = hashlib.sha256(b"an image").hexdigest()
COUNTS = {
    "wan22-offline.sh": ("wan2.2-t2v-a14b", "audit", 144, 19),
    "wan22-single-stream.sh": ("wan2.2-t2v-a14b", "audit", 20, 1),
    "llm-offline.sh": ("llm", "audit", 200, 2),
    "llm-server.sh": ("llm", "run_reference", 270, 2),
}


@pytest.mark.parametrize(
    ("job", "runner"), [*((job, "singularity") for job in JOBS), *((job, "pyxis") for job in (JOBS[0], JOBS[3]))]
)
def test_a_job_runs_with_its_server(cluster: Cluster, job: str, runner: str) -> None:
    benchmark, task, samples, nodes = COUNTS[job]
    model = "wan22" if benchmark.startswith("wan") else "demo"
    service = ["--service-ms", "400" if job == JOBS[0] else "50"]
    code, out = cluster.sbatch(
        job, RUNNER=runner, IMAGE_SHA256=SHA256, TARGET_QPS="200", MIN_DURATION_S="1", ENDPOINT_MODEL=model,
        **server(free_port(), "--model", model, "--require-key-env", "ENDPOINT_API_KEY", *service),
    )  # fmt: skip
    manifest = cluster.sidecar
    # On a machine that is busy with other tests the stand-in's timing may be anything; the code comes through.
    assert code == manifest["task_status"]["exit_code"], out
    assert code in (0, 1, 6), out
    assert (manifest["benchmark"], manifest["mlcube_task"]) == (benchmark, task)
    assert (
        json.loads((cluster.folder / "out/runs/reference/summary.json").read_text("utf-8"))["queries"]["completed"]
        >= samples
    )
    assert manifest["image"] == "auditcube.sif"
    kind = "sif_sha256" if runner == "singularity" else "squashfs_sha256"
    assert manifest["image_identity"][kind] == SHA256
    assert manifest["environment"]["slurm"] == {"nodes": nodes, "gpus_per_node": "gb200:4"}
    assert manifest["runner"] == {"singularity": "singularity", "pyxis": "enroot"}[runner]
    assert f"--nodelist=127.0.0.{nodes}" in cluster.log  # the client's is the last
    assert f"--nodes={max(nodes - 1, 1)}" in cluster.log
    told = cluster.log
    alone = ["--cleanenv", "--no-home", "--containall"]
    assert {*alone} <= {*told} if runner == "singularity" else "--container-readonly" in told
    assert not any(KEY in line for line in [*told, out])


def test_an_endpoint_outside(cluster: Cluster) -> None:
    command = [str(AUDITCUBE), "demo_endpoint", "--port", "0", "--model", "wan22", "--cheat", "exact_cache"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        code, out = cluster.sbatch(JOBS[1], "--nodes=1", WHERE="outside", ENDPOINT_URL=url)
        process.terminate()
    assert code == 1, out  # the verdict comes through
    assert cluster.sidecar["verdicts"][0]["outcome"] == "FAIL"


REFUSED = [
    (
        "another image",
        {"WHERE": "outside", "ENDPOINT_URL": "http://127.0.0.1:1", "IMAGE_SHA256": "0" * 64},
        3,
        "sha256",
    ),
    ("no endpoint", {"WHERE": "outside"}, 1, "ENDPOINT_URL"),
    ("a dead endpoint", {"WHERE": "outside", "ENDPOINT_URL": "http://127.0.0.1:1"}, 3, "refused"),
    ("one node too few", {"WHERE": "other-nodes"}, 3, "two nodes"),
    ("a server that ends", {"WHERE": "same-node", "SERVER_COMMAND": "exit 7"}, 3, "ended before"),
    ("no such place", {"WHERE": "moon"}, 3, "moon"),
]


@pytest.mark.parametrize(("variables", "code", "text"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_run_says_why(cluster: Cluster, variables: dict[str, str], code: int, text: str) -> None:
    ended, out = cluster.sbatch(JOBS[1], PORT=free_port(), **variables)
    assert ended == code, out
    assert text in out
    assert not (cluster.folder / "out" / "mlcube.run_audit.json").exists()


def test_all_are_bash_and_name_their_resources() -> None:
    for path in sorted(SLURM.glob("*.sh")):
        subprocess.run(["bash", "-n", str(path)], check=True)
    for job in JOBS:
        text = (SLURM / job).read_text("utf-8")
        assert all(f"#SBATCH --{name}=" in text for name in ("nodes", "time", "job-name"))
