"""A real inference server, llama.cpp's, with a small random model: what it sends is read, what it caches is found."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import Ended, audit, auditcube, events, job, sidecar, summary, verdict, write_rows

MODEL = os.environ.get("LLAMA_MODEL", "/models/random.gguf")  # a path inside the root that llama-server changes to

pytestmark = [
    pytest.mark.llama,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("llama-server") is None, reason="llama-server is not on PATH"),
]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server as it comes, but for the size of a context, one slot, and one thread.

    One thread: a second one waits, spinning, for the first whenever another process takes a core. And priority, where
    it is allowed: what else the machine does should change its pace as little as can be.
    """
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    log = tmp_path_factory.mktemp("llama") / "log"
    command = [
        "llama-server",
        "-m",
        MODEL,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "-c",
        "2048",
        "-np",
        "1",
        "-t",
        "1",
    ]
    if os.geteuid() == 0:
        command = ["nice", "-n", "-15", *command]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        begin = time.monotonic()
        while not healthy(url):
            assert process.poll() is None, log.read_text("utf-8", "replace")[-2000:]
            assert time.monotonic() - begin < 60
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def probe(folder: Path, url: str, api: str, row: dict[str, Any], **parameters: Any) -> Ended:
    write_rows(folder / "prompts.jsonl", [row] * 2)
    config = job(
        folder, url, {"endpoint": {"api": api, "model": None, "parameters": parameters}}, samples=2, sample_index=0
    )
    return auditcube("probe", "--config", config, "--json")


HELLO = {"prompt": "hello there, how are you?"}
GREEDY = {"temperature": 0, "seed": 1, "max_tokens": 8}
APIS = ["openai_chat", "openai_completions"]
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
LOGPROBS: dict[str, dict[str, Any]] = {
    "openai_chat": {"logprobs": True, "top_logprobs": 1},
    "openai_completions": {"logprobs": 1},
}


@pytest.mark.parametrize("api", APIS)
def test_an_answer_is_the_same_whole_and_streamed(tmp_path: Path, llama: str, api: str) -> None:
    answers = []
    for stream in ({}, STREAM):
        done = probe(tmp_path, llama, api, HELLO, **GREEDY, **stream)
        assert done.code == 0, done.err
        answers.append(done.json)
    whole, streamed = answers
    assert whole["chunks"] == 0
    assert streamed["chunks"] > 0
    for answer in answers:
        assert answer["tokens_in"] > 10
        assert answer["tokens_out"] == 8
        assert answer["output"]["finish_reason"] == "length"
        assert set(answer["output"]) == {"text", "finish_reason"}
    # What ends within a character is told by the whole answer only.
    assert whole["output"]["text"].startswith(streamed["output"]["text"][:3])


def test_a_chat_stream_tells_no_usage_unless_asked(tmp_path: Path, llama: str) -> None:
    answer = probe(tmp_path, llama, "openai_chat", HELLO, **GREEDY, stream=True).json
    assert (answer["tokens_in"], answer["tokens_out"]) == (None, None)
    assert answer["output"]["finish_reason"] == "length"


@pytest.mark.parametrize("api", APIS)
def test_token_ids_and_log_probabilities(tmp_path: Path, llama: str, api: str) -> None:
    whole = probe(tmp_path, llama, api, HELLO, **GREEDY, **LOGPROBS[api]).json["output"]
    assert 4 <= len(whole["token_ids"]) == len(whole["logprobs"]) <= 8
    assert all(isinstance(token, int) for token in whole["token_ids"])
    assert all(value < 0 for value in whole["logprobs"])
    streamed = probe(tmp_path, llama, api, HELLO, **GREEDY, **LOGPROBS[api], **STREAM).json["output"]
    # The server leaves out tokens that end within a character, the others are the same and in the same order.
    rest = iter(whole["token_ids"])
    assert streamed["token_ids"]
    assert all(token in rest for token in streamed["token_ids"])
    assert len(streamed["token_ids"]) == len(streamed["logprobs"])


def test_token_ids_can_be_the_prompt(tmp_path: Path, llama: str) -> None:
    answer = probe(tmp_path, llama, "openai_completions", {"prompt": [1, 50, 60, 70]}, **GREEDY).json
    assert (answer["tokens_in"], answer["tokens_out"]) == (4, 8)


@pytest.mark.parametrize("stream", [{}, STREAM])
@pytest.mark.parametrize(
    ("row", "parameters", "said"),
    [
        ({"prompt": "word " * 3000}, {}, "exceeds the available context size (2048 tokens)"),
        (HELLO, {"max_tokens": "three"}, "'max_tokens'"),
        (HELLO, {"grammar": "root ::= nothing"}, "grammar"),
    ],
)
@pytest.mark.parametrize("api", APIS)
def test_its_refusals_can_be_read(
    tmp_path: Path,
    llama: str,
    api: str,
    row: dict[str, Any],
    parameters: dict[str, Any],
    stream: dict[str, Any],
    said: str,
) -> None:
    done = probe(tmp_path, llama, api, row, **{"max_tokens": 4, **parameters, **stream})
    assert done.code == 4
    assert "HTTP 400" in done.err
    assert said in done.err


def numbers(seed: int, count: int) -> list[dict[str, Any]]:
    """Prompts of about a thousand tokens (the model has one per character), equally long, with no common beginning."""
    rng = random.Random(seed)
    return [{"prompt": " ".join(f"{rng.randrange(10_000):04d}" for _ in range(200))} for _ in range(count)]


SAMPLES = 4
# Idle, an honest pair of runs differs by a tenth at most, and MLPerf's 0.20 tells it from the cache. On a machine with
# five runnable processes on two cores 0.31 was seen; a repeat served from the cache runs 8 to 14 times as fast.
THRESHOLD = 0.9


def single_stream(folder: Path, url: str, api: str = "openai_completions", **parameters: Any) -> Path:
    write_rows(folder / "prompts.jsonl", numbers(5, SAMPLES))
    changes = {
        "scenario": "SingleStream",
        "endpoint": {"api": api, "model": None, "timeout_s": 60.0, "parameters": {"max_tokens": 16, **parameters}},
        "load": {"max_in_flight": 1, "max_duration_s": 120.0},
    }
    return job(folder, url, changes, samples=SAMPLES, threshold=THRESHOLD)


def told(output: Path, audit_id: str = "test04") -> str:
    numbers = verdict(output)["numbers"]
    ratio = numbers["audit_per_s"] / numbers["reference_per_s"]
    return f"{numbers['reference_per_s']:.3f}/s, {numbers['audit_per_s']:.3f}/s, ratio {ratio:.3f}"


def test_its_prompt_cache_is_found(tmp_path: Path, llama: str) -> None:
    config = single_stream(tmp_path, llama)
    done = audit(config, tmp_path / "out", timeout_s=110)
    print("with the prompt cache:", told(tmp_path / "out"))
    assert done.code == 1, done.out + done.err
    found = verdict(tmp_path / "out")
    assert found["outcome"] == "FAIL"
    assert found["numbers"]["gain"] > 2
    for event in events(tmp_path / "out", "reference"):
        assert 900 < event["tokens_in"] < 1100
        assert event["tokens_out"] == 16


def test_without_its_prompt_cache_it_passes(tmp_path: Path, llama: str) -> None:
    config = single_stream(tmp_path, llama, cache_prompt=False)
    done = audit(config, tmp_path / "out", timeout_s=110)
    print("without the prompt cache:", told(tmp_path / "out"))
    assert done.code == 0, done.out + done.err
    assert verdict(tmp_path / "out")["outcome"] == "PASS"
    assert summary(tmp_path / "out", "test04")["queries"]["completed"] == SAMPLES


def test_prompts_are_those_the_test_needs() -> None:
    texts = [row["prompt"] for row in numbers(5, SAMPLES)]
    assert {len(text) for text in texts} == {999}
    assert len({text[:12] for text in texts}) == SAMPLES
    assert json.dumps(texts).isascii()


@pytest.mark.parametrize("stream", [True, False])
def test_audits_of_tokens_do_not_accuse_a_server_that_has_no_id_for_each(
    llama: str, tmp_path: Path, stream: bool
) -> None:
    """Ids beside log probabilities: llama.cpp has none for a token that ends within a character, and counts it."""
    told = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    parameters = {"max_tokens": 16, "temperature": 0, "seed": 1, "logprobs": 1, "cache_prompt": False, **told}
    audits = [
        {"test": "test06", "samples": 12, "eos": [2]},
        {"test": "test09", "samples": 12, "min_output_tokens": 1, "max_output_tokens": 16},
    ]
    endpoint = {"api": "openai_completions", "model": None, "parameters": parameters, "timeout_s": 60.0}
    changes = {"scenario": "SingleStream", "load": {"max_in_flight": 1}, "endpoint": endpoint, "audits": audits}
    done = audit(job(tmp_path, llama, changes), tmp_path / "out")
    verdicts = {v["test"]: v for v in sidecar(tmp_path / "out")["verdicts"]}
    assert (done.code, verdicts["test06"]["outcome"], verdicts["test09"]["outcome"]) == (6, "INCONCLUSIVE", "PASS")
    assert verdicts["test06"]["code"] == ("ids_missing" if stream else "no_first_token")
    assert auditcube("verify", tmp_path / "out").code == 6


LETTERS = {"grammar": "root ::= [a-z ]+", "temperature": 0, "seed": 1, "max_tokens": 12, "cache_prompt": False}


def completed(url: str, prompt: str) -> str:
    """The server's own answer, asked for without our client."""
    body = json.dumps({"prompt": prompt, **LETTERS}).encode()
    request = urllib.request.Request(f"{url}/v1/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["choices"][0]["text"])


@pytest.mark.parametrize("wrong", [False, True])
def test_its_tokens_and_answers_are_judged(llama: str, tmp_path: Path, wrong: bool) -> None:
    """Confined to letters, each token is whole, and all have ids; `wrong`: most expected answers are others."""
    rows = [{"prompt": f"tell me about bridge number {n}"} for n in range(8)]
    answers = [completed(llama, row["prompt"]) for row in rows]
    write_rows(tmp_path / "prompts.jsonl", [
        {**row, "answer": "no such answer" if wrong and n else answer}
        for n, (row, answer) in enumerate(zip(rows, answers, strict=True))
    ])  # fmt: skip
    parameters = {**LETTERS, "logprobs": 1, "stream": True, "stream_options": {"include_usage": True}}
    changes = {
        "scenario": "SingleStream",
        "load": {"max_in_flight": 1},
        "endpoint": {"api": "openai_completions", "model": None, "parameters": parameters, "timeout_s": 60.0},
        "dataset": {"expected": ["answer"]},
        "audits": [
            {"test": "test06", "samples": 8, "eos": [2]},
            {"test": "test07", "threshold": 99},
            {"test": "test09", "min_output_tokens": 12, "max_output_tokens": 12},
        ],
    }
    done = audit(job(tmp_path, llama, changes), tmp_path / "out", timeout_s=110)
    found = {v["test"]: v["outcome"] for v in sidecar(tmp_path / "out")["verdicts"]}
    assert found == {"test06": "PASS", "test07": "FAIL" if wrong else "PASS", "test09": "PASS"}, done.out
    assert auditcube("verify", tmp_path / "out").code == done.code == int(wrong)
