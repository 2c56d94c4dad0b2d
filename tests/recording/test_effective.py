"""What is read from `mlcube show_config --resolve`, and what of it is shown."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditcube.errors import InvalidInput
from auditcube.recording.command import parse
from auditcube.recording.effective import Effective, effective, host_path
from auditcube.recording.shown import arguments, shown

# As MLCube 0.0.9 prints it, for a cube in /cubes/train.
PRINTED: dict[str, Any] = {
    "name": "train",
    "version": 1.5,
    "platform": {"accelerator_count": 2},
    "runtime": {"root": "/cubes/train", "workspace": "/cubes/train/workspace"},
    "workspace": "/cubes/train/workspace",
    "runner": {
        "runner": "docker",
        "image": "localhost/train:1",
        "docker": "sudo docker",
        "env_args": "-e A=secret -e B",
        "cpu_args": "--rm -v /home/me:/x --network host",
        "build_args": "--build-arg BASE=registry/base",
        "build_context": ".",
        "build_file": "/cubes/train/Dockerfile",
        "--network": "host",
        "--gpus": None,
        "--memory": "10g",
        "--security-opt": "label=user:me",
    },
    "tasks": {
        "download": {"parameters": {"inputs": {}, "outputs": {"data": {"type": "directory", "default": "data/"}}}},
        "train": {
            "entrypoint": "python /workspace/train.py",
            "parameters": {
                "inputs": {
                    "data": {"type": "directory", "default": "data/", "opts": "ro"},
                    "config": {"type": "file", "default": "/home/me/config.yaml"},
                },
                "outputs": {"log": {"type": "file", "default": "logs/train.log"}},
            },
        },
    },
}


def resolved(*words: str, **changed: Any) -> Effective:
    return effective(copy.deepcopy(PRINTED) | changed, parse(["mlcube", "run", "--mlcube=train", *words]))


def test_tasks_and_where_their_parameters_lie() -> None:
    config = resolved("--task=download,train", "config=/home/me/config.yaml")
    assert (config.name, config.runner, config.engine, config.sif) == ("train", "docker", "sudo docker", None)
    told = [(p.task, p.name, p.io, p.kind, str(p.path), p.given, p.opts) for p in config.parameters]
    assert told == [
        ("download", "data", "output", "directory", "/cubes/train/workspace/data", False, None),
        ("train", "data", "input", "directory", "/cubes/train/workspace/data", False, "ro"),
        ("train", "config", "input", "file", "/home/me/config.yaml", True, None),
        ("train", "log", "output", "file", "/cubes/train/workspace/logs/train.log", False, None),
    ]


def test_the_only_task_needs_no_name() -> None:
    only = {
        "train": PRINTED["tasks"]["train"],
    }
    assert resolved(tasks=only).tasks == ("train",)
    assert resolved(tasks={"idle": None}).parameters == ()


def test_an_image_that_is_a_file() -> None:
    runner = {"runner": "singularity", "image": "train.sif", "image_dir": "/cubes/train/.image"}
    config = resolved("--task=train", runner={**runner, "singularity": "apptainer"})
    assert (config.sif, config.engine) == (Path("/cubes/train/.image/train.sif"), "apptainer")


@pytest.mark.parametrize(
    ("words", "changed", "text"),
    [
        ([], {}, "has the tasks download, train; choose with --task"),
        (["--task=tune"], {}, "has no task 'tune'; it has download, train"),
        (["--task=train, download"], {}, "has no task ' download'"),
        (["--task=train"], {"tasks": {}}, "has no task 'train'; it has none"),
        (["--task=train"], {"tasks": ["tasks/train.yaml"]}, "says nothing of a runner and of tasks"),
        (["--task=train"], {"tasks": {"train": {"parameters": {"inputs": {"x": "y"}}}}}, "says nothing of a runner"),
        (["--task=train"], {"runner": {}}, "says nothing of a runner"),
        (["--task=train"], {"runner": {"runner": "ssh", "image": "i"}}, "has the runner ssh; record knows docker"),
        (["--task=a b"], {"tasks": {"a b": {}}}, "'a b', which cannot be recorded"),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded(words: list[str], changed: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match="train: ") as refused:
        resolved(*words, **changed)
    assert text in str(refused.value)


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidInput):
        effective("mlcube", parse(["mlcube", "run"]))


def test_paths_are_expanded_as_mlcube_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "big")
    workspace = Path("/w")
    paths = ["~/x", "$DATA/x", "${DATA}", "$NOWHERE/x", "./x/", "/abs"]
    told = [str(host_path(path, workspace)) for path in paths]
    assert told == ["/home/me/x", "/w/big/x", "/w/big", "/w/$NOWHERE/x", "/w/x", "/abs"]


def test_what_is_shown_holds_nothing_private() -> None:
    told = yaml.safe_load(shown(resolved("--task=train", "log=other.log")))
    assert told["version"] == "1.5"
    assert told["platform"] == {"accelerator_count": 2}
    assert told["runner"] == {
        "runner": "docker",
        "image": "localhost/train:1",
        "docker": "sudo docker",
        "env_args": "-e A=[withheld] -e B",
        "cpu_args": "--rm -v [withheld] --network host",
        "build_args": "--build-arg BASE=[withheld]",
        "build_context": ".",
        "build_file": "${runtime.root}/Dockerfile",
        "--network": "host",
        "--gpus": None,
        "--memory": "10g",
        "--security-opt": "[withheld]",
    }
    assert list(told["tasks"]) == ["train"]
    train = told["tasks"]["train"]
    assert train["entrypoint"] == "[withheld] [withheld]"
    assert train["parameters"] == {
        "inputs": {
            "data": {"type": "directory", "opts": "ro", "default": "${workspace}/data"},
            "config": {"type": "file", "default": "[withheld]"},
        },
        "outputs": {"log": {"type": "file", "default": "[withheld]"}},
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--rm --init", "--rm --init"),
        ("--gpus=all --cpus 4 --shm-size=8G", "--gpus=all --cpus 4 --shm-size=8G"),
        ("--gpus=2 --user 1000:1000", "--gpus=2 --user 1000:1000"),
        ("--env=TOKEN=hf_x --env NAME -e 'A=b c'", "--env=TOKEN=[withheld] --env NAME -e A=[withheld]"),
        ("--env TOKEN", "--env TOKEN"),
        ("-eTOKEN=x", "[withheld]"),
        ("-e $(cat token)=x", "-e [withheld] [withheld]"),
        ("--hostname=node7 --label owner=me", "--hostname=[withheld] --label [withheld]"),
        ("--password hunter2", "--password [withheld]"),
        ("'unbalanced --rm", "[withheld] --rm"),
        ("--nv=", "--nv=[withheld]"),
    ],
)
def test_arguments_of_an_engine(given: str, told: str) -> None:
    assert " ".join(arguments(given)) == told
