"""The cache probe against caches that we did not write: nginx's, of whole answers, and llama.cpp's, of what prompts
begin with. Each on, off, and filled before."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import Server, audit, audit_here, job, sidecar, write_rows
from e2e.nginx import NGINX, Nginx
from e2e.test_llama import llama

PROXY = """
    client_body_buffer_size 1m;
    location / {{
      proxy_pass {upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
      {cache}
    }}
"""
CACHE = 'proxy_cache answers; proxy_cache_methods POST; proxy_cache_key "$uri $request_body"; proxy_cache_valid 200 1h;'
BOTH = [
    {"test": "test04", "samples": 40},
    {"test": "cache_probe", "samples": 40, "waves": 8, "wave_size": 8, "gain": 0.5},
]
with_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
with_llama = pytest.mark.skipif(shutil.which("llama-server") is None, reason="llama-server is not on PATH")
__all__ = ["llama"]


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Starts the demo endpoint with nginx before it; gives nginx's URL."""
    with Server(service_ms=30) as server, ExitStack() as started:

        def start(cache: str) -> str:
            behind = PROXY.format(upstream=server.url, cache=cache)
            return f"http://127.0.0.1:{started.enter_context(Nginx(tmp_path / 'nginx', behind)).port}"

        yield start


def verdicts(output: Path) -> dict[str, Any]:
    found = {verdict["test"]: verdict for verdict in sidecar(output)["verdicts"]}
    for name, verdict in found.items():
        print(f"{name}: {verdict['outcome']} {verdict['code']}: {verdict['reason']}")
    return found


@with_nginx
def test_nginx_caching_answers_is_found_by_both_audits(proxied: Callable[[str], str], tmp_path: Path) -> None:
    config = job(tmp_path, proxied(CACHE), {"audits": BOTH})
    assert audit(config, tmp_path / "out").code == 1
    found = verdicts(tmp_path / "out")
    assert (found["test04"]["outcome"], found["cache_probe"]["outcome"]) == ("FAIL", "FAIL")
    assert found["cache_probe"]["code"] == "exact_cache"
    assert found["cache_probe"]["numbers"]["first_hits"] > 16  # what the reference left


@with_nginx
def test_nginx_with_a_cache_that_was_filled_before_is_found_by_the_probe(
    proxied: Callable[[str], str], tmp_path: Path
) -> None:
    config = job(tmp_path, proxied(CACHE), {"audits": BOTH})
    for _ in range(2):  # every row, in the order of the reference and in another
        assert audit_here(config, tmp_path / f"filling{_}", task="run_reference").code == 0
    assert audit_here(config, tmp_path / "out").code == 1
    found = verdicts(tmp_path / "out")
    assert found["cache_probe"]["outcome"] == "FAIL"
    assert found["cache_probe"]["code"] == "exact_cache"


@with_nginx
def test_nginx_without_a_cache_passes(proxied: Callable[[str], str], tmp_path: Path) -> None:
    config = job(tmp_path, proxied(""), {"audits": BOTH[1:]})
    done = audit_here(config, tmp_path / "out")
    verdicts(tmp_path / "out")
    assert done.code == 0, done.out


def rows(count: int) -> list[dict[str, Any]]:
    """Prompts of some hundred tokens (the model has one per character), equally long, with no common beginning."""
    rng = random.Random(11)
    return [{"prompt": " ".join(f"{rng.randrange(10_000):04d}" for _ in range(50))} for _ in range(count)]


def prompted(folder: Path, url: str, **parameters: Any) -> Path:
    write_rows(folder / "prompts.jsonl", rows(12))
    settings = {"api": "openai_completions", "model": None, "timeout_s": 60.0}
    changes = {
        "scenario": "SingleStream",
        "endpoint": {**settings, "parameters": {"max_tokens": 4, "temperature": 0, **parameters}},
        "load": {"max_in_flight": 1, "max_duration_s": 200.0},
        "audits": [{"test": "cache_probe", "samples": 4, "pairs": 12, "gain": 1.0}],
    }
    return job(folder, url, changes)


@with_llama
@pytest.mark.llama
@pytest.mark.slow
def test_llama_cpp_reusing_prefixes_is_found_and_named(llama: str, tmp_path: Path) -> None:
    """A mark before a prompt defeats it, one behind it does not."""
    done = audit(prompted(tmp_path, llama), tmp_path / "out", timeout_s=220)
    found = verdicts(tmp_path / "out")["cache_probe"]
    assert (done.code, found["outcome"]) == (1, "FAIL"), done.out
    assert found["code"] == "prefix_reuse"


@with_llama
@pytest.mark.llama
@pytest.mark.slow
def test_llama_cpp_without_its_cache_passes(llama: str, tmp_path: Path) -> None:
    done = audit(prompted(tmp_path, llama, cache_prompt=False), tmp_path / "out", timeout_s=220)
    found = verdicts(tmp_path / "out")["cache_probe"]
    assert (done.code, found["outcome"]) == (0, "PASS"), done.out
