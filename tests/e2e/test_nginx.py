"""Against a server that we did not write: Debian's nginx with a fixed answer, plain, with TLS, and closing often."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import AUDITCUBE, environment
from e2e.nginx import NGINX, Nginx

BODY = (
    '{"object":"text_completion","choices":[{"index":0,"text":"yes","finish_reason":"stop"}],'
    '"usage":{"prompt_tokens":3,"completion_tokens":1}}'
)
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

SERVER = "location / {{ default_type application/json; {headers} return {answer}; }}"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own CA, and its key."""
    made = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-out", made[0], "-keyout", made[1]], check=True, capture_output=True)
    return made


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Any]:
    """Starts nginx with some settings; gives its URL."""
    with ExitStack() as started:

        def start(*, tls: bool = False, more: str = "", headers: str = "", answer: str = f"200 '{BODY}'") -> str:
            if tls:
                cert, key = certificate(tmp_path)
                more += f" ssl_certificate {cert}; ssl_certificate_key {key};"
            server = f"{more} {SERVER.format(headers=headers, answer=answer)}"
            made = started.enter_context(Nginx(tmp_path / "nginx", server, "ssl" if tls else ""))
            return f"http{'s' if tls else ''}://127.0.0.1:{made.port}"

        yield start


def measured(folder: Path, url: str, *, endpoint: str = "", queries: int = 500, code: int = 0) -> Any:
    (folder / "rows.jsonl").write_text("".join(f'{{"prompt": "{n}"}}\n' for n in range(50)))
    (folder / "job.yaml").write_text(
        "benchmark: nginx\nscenario: Offline\n"
        f"endpoint: {{url: '{url}', api: openai_completions{endpoint}}}\n"
        f"dataset: {{path: rows.jsonl}}\nload: {{min_queries: {queries}, max_in_flight: 16, workers: 2}}\n"
    )
    paths = ["--config", str(folder / "job.yaml"), "--output_dir", str(folder / "out")]
    command = [AUDITCUBE, "run_reference", *paths]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads((folder / "out/runs/reference/summary.json").read_text())


def verified(folder: Path) -> int:
    return subprocess.run([AUDITCUBE, "verify", folder / "out"], env=environment(), capture_output=True).returncode


def test_plain(nginx: Any, tmp_path: Path) -> None:
    summary = measured(tmp_path, nginx())
    assert summary["queries"]["completed"] == 500
    assert summary["tokens"]["out"] == 500
    assert verified(tmp_path) == 0


def test_tls_with_a_ca_of_ones_own(nginx: Any, tmp_path: Path) -> None:
    url = nginx(tls=True)
    assert measured(tmp_path, url, endpoint=", ca_file: cert.pem")["queries"]["completed"] == 500
    assert verified(tmp_path) == 0


def test_tls_that_is_not_trusted_sends_nothing(nginx: Any, tmp_path: Path) -> None:
    url = nginx(tls=True)
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n')
    (tmp_path / "job.yaml").write_text(
        "benchmark: nginx\nscenario: Offline\n"
        f"endpoint: {{url: '{url}', api: openai_completions}}\ndataset: {{path: rows.jsonl}}\n"
    )
    paths = ["--config", str(tmp_path / "job.yaml"), "--output_dir", str(tmp_path / "out")]
    command = [AUDITCUBE, "run_reference", *paths]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "its TLS certificate is not trusted; see endpoint.ca_file" in done.stderr


@pytest.mark.parametrize("requests", [1, 7])
def test_a_server_that_closes_its_connections(nginx: Any, tmp_path: Path, requests: int) -> None:
    """After each answer, and in the midst of things: no query may be lost on a connection that is about to end."""
    summary = measured(tmp_path, nginx(more=f"keepalive_requests {requests};"))
    assert summary["queries"]["completed"] == 500


def test_answers_compressed_all_the_same(nginx: Any, tmp_path: Path) -> None:
    """Fixed bytes with a header that says what they are."""
    summary = measured(tmp_path, nginx(headers="add_header Content-Encoding br;"), queries=5, code=4)
    assert summary["queries"]["failed"] == {"decode_error": 5}


@pytest.mark.parametrize(("answer", "told"), [("302 /elsewhere", "302"), ("429 'slow down'", "429"), ("503 ''", "503")])
def test_redirects_and_refusals_are_errors(nginx: Any, tmp_path: Path, answer: str, told: str) -> None:
    url = nginx(answer=answer, more="location /health { return 200 ok; }")
    summary = measured(tmp_path, url, queries=5, code=4)
    assert summary["queries"]["failed"] == {"http_error": 5}
    assert f"HTTP {told}" in summary["errors"][0]
