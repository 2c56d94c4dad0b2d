"""The words of `mlcube run`, as MLCube 0.0.9 and 0.0.10rc2 read them."""

from __future__ import annotations

import pytest

from auditcube.errors import InvalidInput
from auditcube.recording.command import ignored, parse

RUN = ("mlcube", "run")


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["mlcube", "run"], ("mlcube",)),
        (["/opt/env/bin/mlcube", "run"], ("/opt/env/bin/mlcube",)),
        (["mlcube", "--log-level=info", "run"], ("mlcube", "--log-level=info")),
        (["mlcube", "--log_level", "info", "run"], ("mlcube", "--log_level", "info")),
        (["python3.11", "-m", "mlcube", "run"], ("python3.11", "-m", "mlcube")),
    ],
)
def test_the_program_is_what_stands_before_run(words: list[str], program: tuple[str, ...]) -> None:
    command = parse(words)
    assert command.program == program
    assert command.argv == tuple(words)
    assert (command.mlcube, command.platform, command.tasks) == (".", "docker", ())
    assert command.show_config() == (*program, "show_config", "--resolve", "--platform=docker")


def test_options_and_parameters() -> None:
    words = [
        "--mlcube",
        "cube",
        "--task=a",
        "--task=b,c",
        "--workspace=w",
        "-Pdocker.image=x",
        "config=c=d",
        "--seed=7",
    ]
    command = parse([*RUN, *words])
    assert command.mlcube == "cube"
    assert command.tasks == ("b", "c")  # the last one counts
    assert command.parameters == {"config": "c=d"}
    assert command.configuration == ("-Pdocker.image=x",)
    shown = command.show_config()
    assert shown[3:] == ("--platform=docker", "--mlcube=cube", "--workspace=w", "-Pdocker.image=x", "config=c=d")
    assert ignored(command, ["config"]) == ("seed",)
    assert ignored(command, []) == ("seed", "config")


@pytest.mark.parametrize(
    ("platform", "words", "keys"),
    [
        (
            "docker",
            ["--network=host", "--security", "s", "--gpus=all", "--memory=1g", "--cpu=0"],
            ["--network=host", "--security-opt=s", "--gpus=all", "--memory=1g", "--cpuset-cpus=0"],
        ),
        ("singularity", ["--network=none", "--memory=1g", "--cpu=0"], ["--network=none", "--vm-ram=1g", "--vm-cpu=0"]),
        ("singularity", ["--gpus=all", "--mount", "ro"], []),
        ("mine", ["--network=host"], []),  # which MLCube passes over, for a platform of another name
    ],
)
def test_options_of_an_engine_are_asked_about_as_keys(platform: str, words: list[str], keys: list[str]) -> None:
    shown = parse([*RUN, f"--platform={platform}", *words]).show_config()
    assert [word for word in shown if word.startswith("-P")] == [f"-P{platform}.{key}" for key in keys]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "there is nothing"),
        (["ls"], "not `ls`"),
        (["mlcube"], "not `mlcube`"),
        (["mlcube", "describe"], "not `mlcube describe`"),
        (["mlcube", "--log-level"], "not `mlcube --log-level`"),
        (["env", "A=1", "mlcube", "run"], "not `env`"),
        (["python3", "mlcube", "run"], "not `python3`"),
        ([*RUN, "--help"], "--help runs nothing"),
        ([*RUN, "--task=a", "-h"], "-h runs nothing"),
        ([*RUN, "--task"], "--task wants a value"),
        ([*RUN, "-P", "docker.image=x"], "-P: write -Pkey=value"),
        ([*RUN, "-pdocker.image=x"], "write -Pkey=value"),
        ([*RUN, "hello"], "'hello' is no option"),
        ([*RUN, "--verbose"], "'--verbose' is no option"),
        ([*RUN, "--"], "'--' is no option"),
    ],
)
def test_anything_else_is_refused(words: list[str], text: str) -> None:
    with pytest.raises(InvalidInput, match="record: ") as refused:
        parse(words)
    assert text in str(refused.value)


def test_a_name_that_could_be_a_value_is_not_told() -> None:
    command = parse([*RUN, "https://user:pass@host/?q=1", "--a b=c"])
    assert ignored(command, []) == ("a word of another form",)
