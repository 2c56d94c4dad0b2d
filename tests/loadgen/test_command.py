"""`auditcube mlperf`: its files, its options, its exit codes, and paths with anything in them."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from auditcube.cli import main
from auditcube.loadgen import fallback, rounds
from auditcube.loadgen.layout import ACCURACY, DETAIL, SUMMARY
from auditcube.manifest.validator import validate
from loadgen.logs import SAMPLED, case, detail, entry, tokens, write_accuracy, write_detail

PRINTS = f"{shlex.quote(sys.executable)} -c \"print({{'exact_match': 70.5}})\" {{accuracy_log}}"
OPTIONS: dict[str, list[str]] = {
    "TEST01": ["--dtype", "int32"],
    "TEST04": [],
    "TEST06": ["-s", "Offline"],
    "TEST07": ["--accuracy-threshold", "60", "--accuracy-script", PRINTS],
    "TEST08": [],
    "TEST09": ["--min-output-tokens", "10", "--max-output-tokens", "20"],
}
BOTH = {f"performance/run_1/{SUMMARY}", f"performance/run_1/{DETAIL}"}
FILES = {
    "TEST01": {"verify_accuracy.txt", "verify_performance.txt", f"accuracy/{ACCURACY}", *BOTH},
    "TEST04": {"verify_performance.txt", *BOTH},
    "TEST06": {"verify_accuracy.txt", f"accuracy/{ACCURACY}"},
    "TEST07": {"verify_accuracy.txt", f"accuracy/{ACCURACY}", *BOTH},
    "TEST08": {"verify_accuracy.txt"},
    "TEST09": {"verify_output_len.txt", f"accuracy/{ACCURACY}", *BOTH},
}
MODELS = {"TEST01": "bert-99", "TEST04": "wan-2.2-t2v-a14b", "TEST06": "deepseek-r1", "TEST08": "dlrm-v3",
          "TEST09": "e2e-rag-qna"}  # fmt: skip
STRANGE = "-a 'b\" $(touch INJECTED);\n{x}"


def arguments(test: str, root: Path, output: Path, *more: str) -> list[str]:
    results = [f"--results_dir={root / 'results'}"] if test in ("TEST01", "TEST04", "TEST08") else []
    places = [*results, f"--compliance_dir={root / 'compliance'}", f"--output_dir={output}"]
    return ["mlperf", test, *places, *OPTIONS[test], *more]


def listed(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("rule", ["strict", "upstream"])
@pytest.mark.parametrize("test", OPTIONS)
def test_the_files_of_a_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], test: str, rule: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    root, output = tmp_path / STRANGE / "logs", tmp_path / STRANGE / "out"
    case(root, test)
    for _ in range(2):  # the second takes the place of the first
        assert main([*arguments(test, root, output, "--rule", rule), "--json"]) == 0
    folder = output / test
    ours = {f"audit_{test.lower()}.json", "mlcube.run_audit.json", "mlcube.run_audit.intoto.json"}
    assert listed(folder) == FILES[test] | ours
    assert {path.name for path in output.iterdir()} == {test}
    assert not list(here.iterdir())
    assert validate([output]).findings == []
    assert rounds.check(output, (test,)) == []
    if test in MODELS:
        assert main(["mlperf", "check", str(output), "--model", MODELS[test]]) == 0


@pytest.mark.parametrize("test", OPTIONS)
def test_what_does_not_pass_has_no_marker(tmp_path: Path, test: str) -> None:
    root, output = tmp_path / "logs", tmp_path / "out"
    paths = case(root, test)
    write_detail(paths.audited_detail, detail(result_validity="INVALID"))
    more = ["--accuracy-script", f"{shlex.quote(sys.executable)} -c \"print('TEST PASS')\""] if test == "TEST07" else []
    assert main(arguments(test, root, output, *more)) == 6
    findings = rounds.check(output, (test,))
    assert findings
    for name in FILES[test]:
        if name.startswith("verify_"):
            assert "TEST PASS" not in (output / test / name).read_text()
    manifest = json.loads((output / test / "mlcube.run_audit.json").read_text())
    assert manifest["task_status"]["exit_code"] == 6
    assert manifest["verdicts"][0]["outcome"] == "INCONCLUSIVE"


def test_no_half_of_test01_is_marked_beside_a_fail(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST01")
    write_detail(paths.audited_detail, detail("Offline", 5000.0, **SAMPLED))
    assert main(arguments("TEST01", tmp_path, tmp_path / "out")) == 1
    for name in ("verify_accuracy.txt", "verify_performance.txt"):
        assert "TEST PASS" not in (tmp_path / "out/TEST01" / name).read_text()


@pytest.mark.parametrize("option", ["-e", "--eos", "--eos_token_id"])
def test_an_eos_under_each_name(tmp_path: Path, option: str) -> None:
    case(tmp_path, "TEST06")
    assert main(arguments("TEST06", tmp_path, tmp_path / "out", option, "22")) == 1  # which stands within each answer


def test_one_check_of_test06_that_fails_is_told_alone(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST06", "Server")
    write_accuracy(paths.audited_accuracy, [entry(n, [5, 2, 2], first=[5], token_count=3) for n in range(64)])
    command = [*arguments("TEST06", tmp_path, tmp_path / "out"), "-s", "Server"]
    assert main(command) == 1
    assert (tmp_path / "out/TEST06/verify_accuracy.txt").read_text().splitlines()[1:] == [
        "First token check pass: True",
        "EOS check pass: False",
        "Sample length check pass: True",
        "TEST06 verification failed",
    ]


@pytest.mark.parametrize(
    ("test", "more", "problem"),
    [
        ("TEST07", ["--accuracy-script", "'open"], "No closing quotation"),
        ("TEST07", ["--accuracy-script", " "], "names no command"),
        ("TEST07", ["--score-pattern", "("], "is no regular expression"),
        ("TEST07", ["--score-pattern", "x"], "has no group"),
        ("TEST09", ["--min-output-tokens", "30"], "the bounds 30.0 and 20.0 are none"),
        ("TEST09", ["--min-output-tokens", "nan"], "are none"),
        ("TEST06", ["-e", "two"], "token ids"),
    ],
)
def test_bad_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], test: str, more: list[str], problem: str
) -> None:
    case(tmp_path, test)
    assert main(arguments(test, tmp_path, tmp_path / "out", *more)) == 2
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("script", "code", "problem"),
    [
        ("no-such-command-anywhere {accuracy_log}", 3, "cannot be run"),
        (f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(60)'", 3, "did not end within 0.5 s"),
        (f"{shlex.quote(sys.executable)} -c 'import sys; print({{\"exact_match\": 99}}); sys.exit(3)'", 6, ""),
    ],
)
def test_scripts_that_do_not_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], script: str, code: int, problem: str
) -> None:
    case(tmp_path, "TEST07")
    more = ["--accuracy-script", script, "--script-timeout", "0.5" if code == 3 else "30"]
    assert main(arguments("TEST07", tmp_path, tmp_path / "out", *more)) == code
    assert problem in capsys.readouterr().err


def test_the_script_gets_the_log_and_no_shell(tmp_path: Path) -> None:
    root = tmp_path / STRANGE
    case(root, "TEST07")
    program = "import sys, json; print({'exact_match': len(json.load(open(sys.argv[1]))), 'rest': sys.argv[2:]})"
    script = f"{shlex.join([sys.executable, '-c', program])} {{accuracy_log}} $HOME '*' ; touch INJECTED"
    more = ["--accuracy-script", script, "--accuracy-threshold", "64"]
    assert main(arguments("TEST07", root, tmp_path / "out", *more)) == 0
    text = (tmp_path / "out/TEST07/verify_accuracy.txt").read_text()
    assert "'exact_match': 64, 'rest': ['$HOME', '*', ';', 'touch', 'INJECTED']" in text
    assert not list(tmp_path.rglob("INJECTED"))


@pytest.mark.parametrize("test", OPTIONS)
def test_missing_logs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], test: str) -> None:
    case(tmp_path, test)
    (tmp_path / "compliance" / DETAIL).unlink()
    assert main(arguments(test, tmp_path, tmp_path / "out")) == 2
    assert f"{DETAIL}: is missing, and {test} reads it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("test", "lost", "code"),
    [
        ("TEST01", f"results/accuracy/{ACCURACY}", 1),
        ("TEST01", f"compliance/{ACCURACY}", 1),
        ("TEST01", f"results/performance/run_1/{DETAIL}", 1),
        ("TEST01", f"compliance/{SUMMARY}", 0),
        ("TEST04", f"results/performance/run_1/{SUMMARY}", 1),
        ("TEST04", f"compliance/{DETAIL}", 0),
        ("TEST06", f"compliance/{DETAIL}", 0),
        ("TEST06", f"compliance/{ACCURACY}", 2),
        ("TEST07", f"compliance/{ACCURACY}", 2),
        ("TEST08", f"results/accuracy/{ACCURACY}", 2),
        ("TEST09", f"compliance/{SUMMARY}", 0),
    ],
)
def test_upstream_goes_on_without_what_it_does_not_read(tmp_path: Path, test: str, lost: str, code: int) -> None:
    case(tmp_path, test)
    (tmp_path / lost).unlink()
    assert main(arguments(test, tmp_path, tmp_path / "out", "--rule", "upstream")) == code


@pytest.mark.parametrize("text", ["", "no log", ':::MLLOG {"key": "sut_name", "value": ""}\n'])
def test_upstream_goes_on_with_a_detail_log_that_is_none(tmp_path: Path, text: str) -> None:
    paths = case(tmp_path, "TEST09")
    paths.audited_detail.write_text(text)
    assert main(arguments("TEST09", tmp_path, tmp_path / "out", "--rule", "upstream")) == 0
    manifest = json.loads((tmp_path / "out/TEST09/mlcube.run_audit.json").read_text())
    assert (manifest["benchmark"], manifest["redaction_status"]) == ("unknown", "not_scanned")


@pytest.mark.parametrize("rule", ["strict", "upstream"])
def test_half_a_surrogate_pair_in_a_log_can_be_told(tmp_path: Path, rule: str) -> None:
    paths = case(tmp_path, "TEST06")
    write_detail(paths.audited_detail, detail(**SAMPLED, sut_name="\ud800"), errors=["\udfff"])
    command = [*arguments("TEST06", tmp_path, tmp_path / "out", "--rule", rule), "--json"]
    assert main(command) == (6 if rule == "strict" else 0)


def test_what_was_not_made_here_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case(tmp_path, "TEST09")
    (tmp_path / "out/TEST09").mkdir(parents=True)
    (tmp_path / "out/TEST09/precious").write_text("x")
    assert main(arguments("TEST09", tmp_path, tmp_path / "out")) == 3
    assert "was not made by auditcube" in capsys.readouterr().err
    assert listed(tmp_path / "out") == {"TEST09/precious"}


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST09")
    assert main(arguments("TEST09", tmp_path, tmp_path / "out")) == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in listed(tmp_path / "out")}
    paths.audited_accuracy.write_text("[")
    assert main(arguments("TEST09", tmp_path, tmp_path / "out")) == 2
    assert {name: (tmp_path / "out" / name).read_bytes() for name in listed(tmp_path / "out")} == before


def test_a_crash_of_upstreams_is_no_verdict(tmp_path: Path) -> None:
    paths = case(tmp_path, "TEST06")
    write_accuracy(paths.audited_accuracy, [{**tokens(0), "data": "0"}])
    assert main(arguments("TEST06", tmp_path, tmp_path / "out", "--rule", "upstream")) == 2
    told: dict[str, Any] = json.loads((tmp_path / "out/TEST06/audit_test06.json").read_text())
    assert (told["passed"], told["upstream"]["outcome"], told["strict"]["code"]) == (False, "ERROR", "malformed")
    assert {name for name in listed(tmp_path / "out/TEST06") if not name.startswith("mlcube")} == {"audit_test06.json"}


@pytest.mark.parametrize(
    ("model", "name", "tests"),
    [
        ("resnet50", "v5.0", ("TEST01", "TEST04")),
        ("gpt-oss-120b", "v6.1", ("TEST07", "TEST09")),
        ("llama3_1-8b", "v5.1", ("TEST06",)),
        ("llama3_1-405b", "v5.0", ()),  # a model of that round without a test
        ("llama3_1-405b", "v6.0", ("TEST06",)),
        ("llama3.1-405b-interactive", "v5.1", ("TEST06",)),
        ("wan-2.2-t2v-a14b", "v6.0", ("TEST04",)),
        ("qwen3.6-27b", "v6.1", ()),
        ("dlrm-v3", "v6.1", ("TEST08",)),
    ],
)
def test_what_a_model_needs(model: str, name: str, tests: tuple[str, ...]) -> None:
    assert rounds.tests_of(model, name) == tests


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--model", "gpt-oss-120b", "--round", "v5.0"], "is no model of round v5.0"),
        (["--model", "other"], "is not known"),
        (["--model", "resnet", "--round", "v9"], "--round: v9 is not known"),
    ],
)
def test_a_model_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    assert main(["mlperf", "check", str(tmp_path), *options]) == 2
    assert problem in capsys.readouterr().err


def test_what_a_directory_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case(tmp_path, "TEST04")
    main(arguments("TEST04", tmp_path, tmp_path / "out"))
    (tmp_path / "out/TEST04/performance/run_1" / DETAIL).unlink()
    (tmp_path / "out/TEST04/performance/run_1/more.txt").write_text("")
    capsys.readouterr()
    assert main(["mlperf", "check", str(tmp_path / "out"), "--model", "resnet", "--json"]) == 1
    found = {
        (f["test"], os.path.basename(f["path"]), f["message"]) for f in json.loads(capsys.readouterr().out)["findings"]
    }
    assert found == {
        ("TEST01", "TEST01", "is missing; `auditcube mlperf TEST01` makes it"),
        ("TEST04", DETAIL, "is missing"),
        ("TEST04", "more.txt", "has no place there"),
    }


@pytest.mark.parametrize(
    ("test", "name", "text", "problem"),
    [
        ("TEST08", "verify_accuracy.txt", b" TEST PASS \r\n", None),
        ("TEST08", "verify_accuracy.txt", b"all TEST PASS\n", "has no line TEST PASS"),
        ("TEST08", "verify_accuracy.txt", b"all\x0bTEST PASS\n", "has no line TEST PASS"),  # which ends no line
        ("TEST08", "verify_accuracy.txt", b"\xff\nTEST PASS\n", "is not UTF-8 (invalid start byte)"),
        ("TEST09", "verify_output_len.txt", b"all TEST PASSED\n", None),
        ("TEST09", "verify_output_len.txt", b"Test pass\n", "does not say TEST PASS"),
    ],
)
def test_a_marker_is_read_as_the_checker_reads_it(
    tmp_path: Path, test: str, name: str, text: bytes, problem: str | None
) -> None:
    (tmp_path / test).mkdir()
    (tmp_path / test / name).write_bytes(text)
    assert [finding.message for finding in rounds.check(tmp_path, (test,))] == ([problem] if problem else [])


def test_what_lies_beside_the_logs(tmp_path: Path) -> None:
    """Folders, and what the checker itself ignores, are no finding; TEST01's scores are read beside them, too."""
    for name in ("performance/run_1", "accuracy"):
        folder = tmp_path / "TEST01" / name
        (folder / "folder").mkdir(parents=True)
        for ignored in (".gitkeep", "results.json", "mlperf_log_trace.json"):
            (folder / ignored).touch()
    for name in (SUMMARY, DETAIL, ACCURACY):
        (tmp_path / "TEST01/performance/run_1" / name).touch()
    (tmp_path / "TEST01/verify_accuracy.txt").write_text("TEST FAIL\n")
    (tmp_path / "TEST01/verify_performance.txt").write_text("TEST PASS\n")
    assert len(rounds.check(tmp_path, ("TEST01",))) == 1
    for name in fallback.FILES:
        (tmp_path / "TEST01/accuracy" / name).touch()
    assert rounds.check(tmp_path, ("TEST01",)) == []


COUNTS = """
import json, sys
tokens = [entry["data"] for entry in json.load(open(sys.argv[1]))]
right = sum(data.endswith("02000000") for data in tokens)
print({"exact_match": 100 * right / len(tokens)})
"""


@pytest.mark.parametrize(
    ("wrong", "code", "told"),
    [(0, 0, "same_scores"), (1, 1, "scores_of_answers_differ"), (64, 1, "scores_of_answers_differ")],
)
def test_where_answers_vary_scores_decide(tmp_path: Path, wrong: int, code: int, told: str) -> None:
    """All answers differ from the accuracy run's, and of the last token, which is what scores, so many are wrong."""
    case(tmp_path, "TEST01")
    varied = [tokens(sample) for sample in range(64)]
    for sample, one in enumerate(varied):
        data = f"{one['data'][:-16]}63000000{'03000000' if sample < wrong else '02000000'}"
        varied[sample] = {**one, "data": data}
    write_accuracy(tmp_path / "compliance" / ACCURACY, varied)
    script = f"{shlex.join([sys.executable, '-c', COUNTS])} {{accuracy_log}}"
    assert main(arguments("TEST01", tmp_path, tmp_path / "without")) == 1
    assert main(arguments("TEST01", tmp_path, tmp_path / "out", "--accuracy-script", script)) == code
    folder = tmp_path / "out/TEST01"
    assert json.loads((folder / "audit_test01.json").read_text())["verdict"]["code"] == told
    baseline, compliance = ((folder / f"accuracy/{run}_accuracy.txt").read_text() for run in ("baseline", "compliance"))
    assert "100.0" in baseline
    assert str(100 * (64 - wrong) / 64) in compliance
    problems = [name for name, _ in rounds._check_one(folder, "TEST01")]
    assert problems == ([] if code == 0 else ["verify_performance.txt"])


def test_the_baseline_has_the_same_samples_alone(tmp_path: Path) -> None:
    accuracy, audited, target = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "c.json"
    write_accuracy(accuracy, [tokens(sample) for sample in range(10)])
    write_accuracy(audited, [tokens(sample) for sample in (3, 7, 12)])
    fallback.write_baseline(accuracy, audited, target)
    assert [entry["qsl_idx"] for entry in json.loads(target.read_text())] == [3, 7]
    assert (
        target.read_text()
        == "".join(
            line for line in accuracy.read_text().splitlines(keepends=True) if '"qsl_idx" : 3,' in line or line == "[\n"
        )
        + accuracy.read_text().splitlines()[8].rstrip(",")
        + "\n]\n"
    )
    write_accuracy(audited, [])
    fallback.write_baseline(accuracy, audited, target)
    assert json.loads(target.read_text()) == []


def test_a_log_that_cannot_be_scored_does_not_stop_the_rule_upstream(tmp_path: Path) -> None:
    case(tmp_path, "TEST01")
    path = tmp_path / "results/accuracy" / ACCURACY
    path.write_text(path.read_text().replace('"qsl_idx" : 63', '"qsl_idx" : "63"'))
    script = ["--accuracy-script", PRINTS]
    assert main(arguments("TEST01", tmp_path, tmp_path / "a", *script)) == 2
    assert main(arguments("TEST01", tmp_path, tmp_path / "b", *script, "--rule", "upstream")) == 0
    assert not (tmp_path / "b/TEST01/accuracy/baseline_accuracy.txt").exists()
