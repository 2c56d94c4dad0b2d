"""The command line: what it means, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from auditcube.demo.cheats import CHEATS
from auditcube.demo.nuisances import NUISANCES
from auditcube.demo.options import Options, add_arguments, options_from
from auditcube.demo.switches import Switch


def options(*arguments: str) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_from(parser.parse_args(arguments))


def test_without_arguments_everything_is_as_it_comes() -> None:
    assert options() == Options()


def test_switches_keep_their_order_and_values() -> None:
    found = options("--cheat", "lru_cache=3", "--cheat", "coalescing", "--nuisance", "byte_at_a_time")
    assert found.cheats == (Switch("lru_cache", 3), Switch("coalescing"))
    assert found.nuisances == (Switch("byte_at_a_time", 2000),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cheat", "exact"], "unknown cheat 'exact'; known: coalescing, double_eos, exact_cache"),
        (["--nuisance", "noise"], "unknown nuisance 'noise'"),
        (["--cheat", "exact_cache=1"], "cheat exact_cache takes no value"),
        (["--cheat", "lru_cache"], "cheat lru_cache needs K answers, a whole number from 1 to inf: nothing given"),
        (["--cheat", "lru_cache=1.5"], "lru_cache needs"),
        (["--cheat", "lru_cache=0"], "lru_cache needs"),
        (["--cheat", "partial_cache=1.01"], "partial_cache needs"),
        (["--nuisance", "errors=lots"], "nuisance errors needs RATE, a number from 0 to 1: lots"),
        (["--nuisance", "errors=nan"], "nuisance errors needs"),
        (["--slots", "0"], "--slots needs a value from 1 to 4096: 0"),
        (["--service-ms", "-1"], "--service-ms needs"),
        (["--service-ms", "nan"], "--service-ms needs"),
        (["--port", "70000"], "--port needs"),
        (["--sse-style", "x"], "unknown sse style"),
        (["--require-key-env", "AUDITCUBE_TEST_NO_SUCH"], "AUDITCUBE_TEST_NO_SUCH is not set"),
        (["--preload", "/no/such/file"], "--preload: /no/such/file"),
    ],
)
def test_a_bad_value_is_refused_with_a_clear_text(arguments: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        options(*arguments)


@pytest.mark.parametrize(("text", "line"), [('{"prompt": "a"}\nnot json', 2), ('{"text": "a"}', 1), ("[1]", 1)])
def test_a_bad_row_to_preload_is_named(text: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"rows.jsonl, line {line}: "):
        options("--preload", str(path))


def test_preload_reads_the_prompts_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a"}\n\n{"prompt": "b", "seed": 3}\n')
    assert options("--preload", str(path)).preload == {"a", "b"}


def test_help_lists_every_switch() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    text = " ".join(parser.format_help().split())
    assert all(name in text for name in [*CHEATS, *NUISANCES])
