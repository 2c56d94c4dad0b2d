"""A newcomer's first two commands: a config that runs as it is, and one question to the endpoint."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from e2e.commands import DEAD_URL, Server, audit, auditcube, called, contents, job, sidecar


@pytest.mark.parametrize(("api", "scenario"), [("videogen", "Offline"), ("openai_chat", "SingleStream")])
def test_what_init_writes_runs_as_it_is(honest: Server, tmp_path: Path, api: str, scenario: str) -> None:
    done = auditcube("init", "--api", api, "--scenario", scenario, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert sorted(contents(tmp_path)) == ["auditcube.yaml", "prompts.jsonl"]
    assert "auditcube audit --config auditcube.yaml" in done.out
    text = (tmp_path / "auditcube.yaml").read_text()
    for name in ("max_in_flight", "warmup_queries", "api_key_env", "sample_index", "claim_status"):
        assert f"{name}:" in text
    written = yaml.safe_load(text)
    assert written["endpoint"]["url"] == "${ENDPOINT_URL:-http://127.0.0.1:8000}"
    if scenario == "Offline":
        with Server("--nuisance", "slow_first_byte=100", service_ms=1) as server:
            variables = {"ENDPOINT_URL": server.url}
            run = audit(Path("auditcube.yaml"), Path("results"), variables=variables, cwd=tmp_path)
            stats = server.stats()
        assert run.code in (0, 1), run.out + run.err  # the limit is 10 %: a busy machine may exceed it by itself
        assert sidecar(tmp_path / "results")["benchmark"] == "demo"
        assert stats["requests"] == 8 + 64 + 64
    else:
        variables = {"ENDPOINT_URL": honest.url}
        asked = auditcube("probe", "--config", "auditcube.yaml", variables=variables, cwd=tmp_path)
        assert asked.code == 0, asked.err


def test_init_never_writes_over_a_file(tmp_path: Path) -> None:
    assert called("init", tmp_path / "new" / "my.yaml").code == 0
    before = contents(tmp_path)
    done = called("init", tmp_path / "new" / "my.yaml")
    assert (done.code, done.out) == (3, "")
    assert "my.yaml: is already there" in done.err
    other = called("init", tmp_path / "new" / "other.yaml")
    assert (other.code, other.out) == (3, "")
    assert "prompts.jsonl: is already there" in other.err
    assert contents(tmp_path) == before


def test_probe_asks_once_and_prints_what_came_back(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url)
    honest.reset()
    done = auditcube("probe", "--config", config, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["http_status"] == 200
    assert done.json["output"]
    assert honest.stats()["requests"] == 1
    plain = called("probe", "--config", config)
    assert plain.code == 0
    assert f"url: {honest.url}/v1/videos/generations" in plain.out


class Strange(BaseHTTPRequestHandler):
    """Answers every question with 200 and something that is no answer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()
        self.wfile.write(b"<html><body>Welcome to nginx!</body></html>")

    def log_message(self, *_: object) -> None:
        """Silent."""


def test_probe_tells_what_is_wrong(tmp_path: Path) -> None:
    dead = called("probe", "--config", job(tmp_path, DEAD_URL))
    assert (dead.code, dead.out) == (3, "")
    assert DEAD_URL in dead.err
    with Server("--nuisance", "errors=1", "--error-body", "html") as server:
        failing = called("probe", "--config", job(tmp_path, server.url))
    assert (failing.code, failing.out) == (4, "")
    assert "HTTP 500" in failing.err
    assert "injected error" in failing.err
    assert "<" not in failing.err
    with HTTPServer(("127.0.0.1", 0), Strange) as strange:
        thread = threading.Thread(target=strange.serve_forever, args=(0.05,))
        thread.start()
        try:
            odd = called("probe", "--config", job(tmp_path, f"http://127.0.0.1:{strange.server_port}"))
        finally:
            strange.shutdown()
            thread.join()
    assert (odd.code, odd.out) == (4, "")
    assert "Welcome to nginx" in odd.err


def test_the_output_of_probe_is_json_where_asked(honest: Server, tmp_path: Path) -> None:
    config = job(tmp_path, honest.url, {"endpoint": {"api": "openai_chat"}})
    done = called("probe", "--config", config, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["tokens_out"] > 0
