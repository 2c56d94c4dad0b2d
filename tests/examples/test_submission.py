"""The submission examples: each can be planned as it is, and runs to its end with smaller counts against the demo."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditcube.demo.text import END, TextJob
from e2e.commands import Server, auditcube, sidecar, write_rows
from e2e.test_accuracy import STAND_IN

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/submission"
CONFIGS = sorted(path.name for path in EXAMPLES.glob("*.yaml"))
RUNS = {
    "wan": ["reference", "performance", "test04", "test07"],
    "gpt": ["performance", "test07", "test09"],
    "llama": ["performance", "test06", "test07"],
}
MOST = 16


def prepared(folder: Path, name: str, rows: int) -> Any:
    """The example in a folder with as many rows of its data set; its content."""
    for path in EXAMPLES.iterdir():
        shutil.copy(path, folder)
    config = yaml.safe_load((EXAMPLES / name).read_text())
    # The row that TEST04 repeats costs more than others: the repetition is slow by nature, however busy the machine is.
    prompts = [" ".join([f"a river under bridge {number:05d}"] * (3 if number == 3 else 1)) for number in range(rows)]
    wanted = [column for column in config["dataset"]["expected"] if column != "prompt"]
    data = [{"prompt": p, **dict.fromkeys(wanted, TextJob(p, 42, MOST).render().text)} for p in prompts]
    write_rows(folder / config["dataset"]["path"], data)
    return config


def kind(name: str) -> list[str]:
    return next(runs for start, runs in RUNS.items() if name.startswith(start))


@pytest.mark.parametrize("name", CONFIGS)
def test_it_can_be_planned(tmp_path: Path, name: str) -> None:
    prepared(tmp_path, name, 13368)
    done = auditcube("plan", "--config", tmp_path / name, "--latency-s", "60", "--json")
    assert done.code == 0, done.err
    runs = [run["label"] for run in done.json["runs"]]
    assert [run for run in runs if run != "test06_whole"] == kind(name)
    performance = next(run for run in done.json["runs"] if run["label"] == "performance")
    assert performance["min_duration_s"] == 600


def smaller(config: Any) -> Any:
    """The same job with counts for a test, and the demo's bounds in place of the models'."""
    load = config["load"]
    load["preset"] = None
    load["min_queries"] = 660 if config["scenario"] == "Server" else 64
    load["max_in_flight"] = None if config["scenario"] == "Server" else 4
    if config["scenario"] == "SingleStream":
        del load["max_in_flight"]
    if config["scenario"] == "Server":
        load |= {"target_qps": 100, "ttft_latency_s": 20, "tpot_latency_s": 20, "max_slip_s": 10}
    for audit in config["audits"]:
        smaller_of = {
            "test04": {"samples": 12, "audit_samples": 12, "threshold": 0.9},
            "test06": {"samples": 12, "eos": [END.id]},
            "test07": {"threshold": 1},
            "test09": {"samples": 32, "min_output_tokens": 4, "max_output_tokens": MOST + 1},
        }
        audit |= smaller_of.get(audit["test"], {})
        if "samples" in audit and audit["test"] == "test07":
            audit["samples"] = 32
    if config["endpoint"]["api"] != "videogen":
        config["endpoint"]["parameters"] |= {"max_tokens": MOST, "temperature": 0}
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_it_runs_to_its_end(tmp_path: Path, name: str) -> None:
    config = smaller(prepared(tmp_path, name, 64))
    (tmp_path / name).write_text(yaml.safe_dump(config))
    evaluate = tmp_path / "evaluate.py"
    lines = STAND_IN.replace("LEFT_OUT", "''").splitlines()
    evaluate.write_text("\n".join("assert len(names) == 64" if "names ==" in line else line for line in lines))
    scorer = tmp_path / "score"
    scorer.write_text(f"#!{sys.executable}\nprint('exact_match: 100')\n")
    scorer.chmod(0o755)
    gpt = name.startswith("gpt")
    variables = {"VBENCH_PYTHON": sys.executable, "VBENCH_EVALUATE": str(evaluate), "SCORER": str(scorer)}
    if not gpt:
        variables["SCORER"] = str(tmp_path / "score_vbench.py")
    with Server("--nuisance", "cost_by_length=5") as server:
        done = auditcube(
            "audit", "--config", tmp_path / name, "--output_dir", tmp_path / "out",
            variables={**variables, "ENDPOINT_URL": server.url}, timeout_s=120,
        )  # fmt: skip
    verdicts = {v["test"]: (v["outcome"], v["reason"]) for v in sidecar(tmp_path / "out")["verdicts"]}
    assert {outcome for outcome, _ in verdicts.values()} == {"PASS"}, verdicts
    assert done.code == 0, done.err
    assert auditcube("verify", tmp_path / "out").code == 0
