"""A job: the runs that follow from a config, what is refused before anything is sent, and the effective config."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditcube import audits
from auditcube.config import load_config
from auditcube.errors import InvalidInput
from auditcube.job import WARMUP, Job, Plan, make_plan, read_job
from auditcube.load.order import Order, Salted, Single, WithoutReplacement, WithReplacement
from auditcube.load.schedule import RunSpec
from auditcube.scenario import Scenario
from builders import planned, refusal_of

ROWS = 20
BASE: dict[str, Any] = {
    "benchmark": "b",
    "scenario": "Offline",
    "endpoint": {"url": "http://127.0.0.1:8000", "api": "videogen"},
    "dataset": {"path": "prompts.jsonl"},
    "load": {"min_queries": 10},
    "audits": [{"test": "test04"}],
}


def write(tmp_path: Path, **changes: Any) -> Path:
    """A config with its data set beside it."""
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps({"prompt": f"p {n}"}) + "\n" for n in range(ROWS)))
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(BASE | changes, sort_keys=False))
    return path


def job(tmp_path: Path, environ: dict[str, str] | None = None, *, instead: Path | None = None, **changes: Any) -> Job:
    return read_job(write(tmp_path, **changes), instead, environ or {})


def refusal(tmp_path: Path, environ: dict[str, str] | None = None, **changes: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        job(tmp_path, environ, **changes)
    return str(caught.value).removeprefix(str(tmp_path))


REFERENCE = RunSpec("reference", WithoutReplacement((3,)), 10)
REPEATED = RunSpec("test04", Single(3), 10)


def test_an_audit_plans_its_runs_the_reference_first(tmp_path: Path) -> None:
    assert job(tmp_path).plan.runs == (REFERENCE, REPEATED)


def test_a_warm_up_comes_before_everything_and_is_salted(tmp_path: Path) -> None:
    found = job(tmp_path, load={"min_queries": 10, "warmup_queries": 4}).plan
    assert found.runs == (RunSpec(WARMUP, Salted(), 4), REFERENCE, REPEATED)
    salts = [query.salt for query in planned(found.schedule(found.runs[0]))]
    assert len(set(salts)) == 4
    assert None not in salts


def test_without_audits_there_is_a_performance_run_with_both_floors(tmp_path: Path) -> None:
    load = {"min_queries": 50, "min_duration_s": 2.5, "capture": 0.5}
    assert job(tmp_path, audits=[], load=load).plan.runs == (
        RunSpec("reference", WithoutReplacement(), 50, min_duration_s=2.5, capture=0.5),
    )


@pytest.mark.parametrize(
    ("load", "order"),
    [
        ({"order": "with_replacement"}, WithReplacement()),
        ({"order": "single", "sample_index": 3}, Single(3)),
        ({"order": "without_replacement", "sample_index": 3}, WithoutReplacement()),
    ],
)
def test_the_order_of_a_performance_run(tmp_path: Path, load: dict[str, Any], order: Order) -> None:
    assert job(tmp_path, audits=[], load=load).plan.runs[0].order == order


def test_a_row_that_is_not_there_cannot_be_repeated(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"load\.sample_index: is 1000000, but the data set has rows 0 to"):
        job(tmp_path, audits=[], load={"order": "single", "sample_index": 1_000_000})


def test_a_query_of_multi_stream_is_as_many_samples_as_are_in_flight(tmp_path: Path) -> None:
    found = job(tmp_path, audits=[], scenario="MultiStream", load={"max_in_flight": 4})
    assert found.plan.load.samples_per_query == 4
    assert job(tmp_path, audits=[]).plan.load.samples_per_query == 1


def test_a_performance_run_may_be_paced(tmp_path: Path) -> None:
    found = job(tmp_path, audits=[], scenario="Server", load={"target_qps": 5.0}).plan
    assert (found.load.scenario, found.load.target_qps, found.load.max_in_flight) == (Scenario.SERVER, 5.0, None)


def test_the_endpoint_and_its_samples(tmp_path: Path) -> None:
    endpoint = {"url": "https://h/x", "api": "videogen", "model": "m", "ca_file": "ca.pem", "parameters": {"seed": 7}}
    found = job(tmp_path, endpoint=endpoint)
    assert found.endpoint.targets[0].url == "https://h/x"
    assert found.endpoint.targets[0].path == "/v1/videos/generations"
    assert found.endpoint.targets[0].ca_file == str(tmp_path / "ca.pem")
    assert found.endpoint.parameters["seed"] == 7
    assert found.endpoint.parameters["num_frames"] == 81
    assert len(found.dataset.samples) == found.plan.dataset_size == ROWS


def test_a_tokenizer_is_named_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest()
    told = BASE["endpoint"] | {"api": "openai_chat", "tokenizer": "tokenizer.json", "parameters": {}}
    for endpoint in (told, told | {"tokenizer_sha256": digest}):
        found = job(tmp_path, endpoint=endpoint)
        assert found.endpoint.tokenizer == str(tmp_path / "tokenizer.json")
        assert found.plan.load.tokenizer_sha256 == found.plan.effective()["endpoint"]["tokenizer_sha256"] == digest
    for wrong, problem in (
        (told | {"tokenizer_sha256": "0" * 64}, "tokenizer.json has the digest"),
        (told | {"tokenizer": "other.json"}, "other.json: No such file"),
        (told | {"tokenizer": None, "tokenizer_sha256": digest}, "there is no endpoint.tokenizer"),
        (told | {"api": "videogen"}, "answers of videogen have no tokens"),
    ):
        assert problem in str(refusal_of(partial(job, tmp_path, endpoint=wrong)))


def test_a_path_of_ones_own(tmp_path: Path) -> None:
    assert job(tmp_path, endpoint=BASE["endpoint"] | {"path": "/other"}).endpoint.targets[0].path == "/other"


def test_the_data_set_lies_beside_the_config_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert job(tmp_path).dataset.rows == ROWS
    other = tmp_path / "other.csv"
    other.write_text("prompt\n" + "".join(f"q {n}\n" for n in range(12)))
    assert job(tmp_path, instead=other).dataset.rows == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"endpoint": {"url": "http://h", "api": "grpc"}},
            "line 5: endpoint.api: 'grpc' is not known; use openai_chat, ",
        ),
        (
            {"endpoint": BASE["endpoint"] | {"parameters": {"sed": 1}}},
            "line 7: endpoint.parameters: sed: the API has no",
        ),
        ({"audits": [{"test": "test4"}]}, "line 11: audits[0].test: 'test4' is not an audit; there are: "),
        ({"audits": [{"test": "contract"}]}, "line 11: audits[0].test: 'contract' is not an audit"),
        (
            {"audits": [{"test": "test04", "treshold": 0.2}]},
            "line 12: audits[0].treshold: unknown key; did you mean thr",
        ),
        (
            {"audits": [{"test": "test04", "threshold": 1.0}]},
            "line 12: audits[0].threshold: input should be less than 1",
        ),
        (
            {"audits": [{"test": "test04", "samples": "9"}]},
            "line 12: audits[0].samples: input should be a valid integer",
        ),
        (
            {"audits": [{"test": "test04", "samples": 21}]},
            "line 12: audits[0].samples: 21 distinct samples are more than",
        ),
        (
            {"audits": [{"test": "test04", "sample_index": 20}]},
            "line 12: audits[0].sample_index: is 20, but the data set",
        ),
        ({"load": {"min_queries": 21}}, "line 11: audits[0].samples: 21 distinct samples are more than"),
        (
            {"scenario": "Server", "load": {"target_qps": 1.0}},
            "line 11: audits[0]: test04: Server paces its arrivals, which hides caching; use Offline or SingleStream",
        ),
        ({"dataset": {"path": "gone.jsonl"}}, "data set "),
        ({"dataset": {"path": "prompts.jsonl", "samples": 21}}, "data set "),
    ],
)
def test_what_is_refused_before_anything_is_sent(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    text = refusal(tmp_path, **changes)
    assert text.startswith(message if message.startswith("data set ") else f"/job.yaml, {message}")


def test_fewer_samples_than_rows_bound_the_index(tmp_path: Path) -> None:
    some = {"path": "prompts.jsonl", "samples": 12}
    assert "has rows 0 to 11" in refusal(tmp_path, dataset=some, audits=[{"test": "test04", "sample_index": 12}])
    assert job(tmp_path, dataset=some, audits=[{"test": "test04", "sample_index": 11}]).plan.dataset_size == 12


@pytest.mark.parametrize("key", ["hunter 2", "hunter\n2", "schlüssel", "k\x7f", "k\udcff"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    text = refusal(tmp_path, {"KEY": key}, endpoint=BASE["endpoint"] | {"api_key_env": "KEY"})
    assert text.startswith("/job.yaml, line 6: endpoint.api_key_env: the variable KEY holds")
    assert key not in text


def test_the_key_is_nowhere_in_the_job(tmp_path: Path) -> None:
    endpoint = BASE["endpoint"] | {"api_key_env": "KEY"}
    found = job(tmp_path, {"KEY": "sk-hunter2"}, endpoint=endpoint)
    assert found.endpoint.api_key_env == "KEY"
    assert "hunter2" not in repr(found)
    assert b"hunter2" not in found.plan.effective_yaml()


# Several audits.
def test_the_same_audit_twice_makes_its_runs_once(tmp_path: Path) -> None:
    found = job(tmp_path, audits=[{"test": "test04"}, {"test": "test04", "sample_index": 3}]).plan
    assert found.runs == (REFERENCE, REPEATED)
    assert len(found.audits) == 2


@pytest.mark.parametrize(
    "other", [{"samples": 5}, {"audit_samples": 5}, {"sample_index": 4}, {"threshold": 0.2}, {"max_error_share": 0.5}]
)
def test_the_same_audit_with_other_settings_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    text = refusal(tmp_path, audits=[{"test": "test04"}, {"test": "test04"} | other])
    assert text == (
        "/job.yaml, line 12: audits[1]: test04 stands twice, with other settings; there is one verdict for each audit"
    )


SECOND = """
from auditcube.audits.contract import REFERENCE, AuditParams, Outcome, Verdict
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import RunSpec

TITLE = "another audit that needs a reference"

class Params(AuditParams):
    samples: int = 10

def plan(params, dataset_size, load):
    return (
        RunSpec(REFERENCE, WithoutReplacement(middle=(3,)), params.samples),
        RunSpec("second", WithoutReplacement(), 2),
    )

def judge(params, runs):
    return Verdict(Outcome.PASS, "fine", "fine")
"""


@pytest.fixture
def second(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more audit, in a file of its own among the audits."""
    folder = tmp_path_factory.mktemp("audits")
    (folder / "second.py").write_text(SECOND)
    monkeypatch.setattr(audits, "__path__", [*audits.__path__, str(folder)])
    yield
    sys.modules.pop("auditcube.audits.second", None)
    audits.__dict__.pop("second", None)


@pytest.mark.usefixtures("second")
def test_two_audits_that_plan_an_equal_run_share_it(tmp_path: Path) -> None:
    found = job(tmp_path, audits=[{"test": "test04"}, {"test": "second"}]).plan
    assert [spec.label for spec in found.runs] == ["reference", "test04", "second"]
    turned = job(tmp_path, audits=[{"test": "second"}, {"test": "test04"}]).plan
    assert [spec.label for spec in turned.runs] == ["reference", "second", "test04"]


@pytest.mark.usefixtures("second")
def test_two_audits_that_plan_another_run_of_one_name_are_refused(tmp_path: Path) -> None:
    text = refusal(tmp_path, audits=[{"test": "test04"}, {"test": "second", "samples": 9}])
    assert text == (
        "/job.yaml, line 12: audits[1]: plans another reference run than an audit before it; "
        "give both the same settings"
    )


# The effective config.
def again(path: Path, plan: Plan) -> Plan:
    """The plan that follows from the effective config of another, as `verify` reads it."""
    path.write_bytes(plan.effective_yaml())
    config, document = load_config(path, None)
    return make_plan(config, document, plan.dataset_size)


def test_the_effective_config_spells_everything_out(tmp_path: Path) -> None:
    found = job(tmp_path, scenario="MultiStream").plan
    data = yaml.safe_load(found.effective_yaml())
    assert data["load"]["max_in_flight"] == 8
    assert data["load"]["seeds"] == {"order": 42, "arrival": 42, "capture": 42}
    assert data["endpoint"]["parameters"]["guidance_scale_2"] == 3.0
    assert data["audits"] == [
        {
            "test": "test04", "samples": None, "audit_samples": None, "sample_index": 3, "threshold": None,
            "max_error_share": 0.01,
        }
    ]  # fmt: skip
    assert found.effective_yaml().startswith(b"# The effective configuration")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://10.1.2.3:8000/prefix", "http://endpoint-1.invalid"),
        ("https://host.example", "https://endpoint-1.invalid"),
        ("http+unix://%2Frun%2Fuser%2F1000%2Fx", "http+unix://%2Fendpoint-1.invalid"),
        (["http://a:1", "https://b"], ["http://endpoint-1.invalid", "https://endpoint-2.invalid"]),
        (["http://a:1"], ["http://endpoint-1.invalid"]),
    ],
)
def test_a_url_is_told_only_where_that_is_allowed(tmp_path: Path, url: Any, told: Any) -> None:
    endpoint = BASE["endpoint"] | {"url": url}
    plan = job(tmp_path, endpoint=endpoint).plan
    assert plan.effective()["endpoint"]["url"] == told
    assert again(tmp_path / "once.yaml", plan).effective_yaml() == plan.effective_yaml()
    assert job(tmp_path, endpoint=endpoint | {"publish_url": True}).plan.effective()["endpoint"]["url"] == url


def test_where_the_data_set_lay_is_in_no_file(tmp_path: Path) -> None:
    path = write(tmp_path, dataset={"path": str(tmp_path / "prompts.jsonl")})
    assert str(tmp_path).encode() not in read_job(path, None, {}).plan.effective_yaml()


@pytest.mark.parametrize("value", ["$", "$$", "${", "${X}", "${X:-y}", "$${X}", "a$$b", "$ {", "${1}"])
def test_dollars_survive(tmp_path: Path, value: str) -> None:
    doubled = value.replace("$", "$$")  # in a config `$$` is one
    found = job(tmp_path, {"X": "wrong"}, benchmark=doubled, endpoint=BASE["endpoint"] | {"model": doubled}).plan
    assert (found.config.benchmark, found.config.endpoint.model) == (value, value)
    reread = again(tmp_path / "config.yaml", found)
    assert (reread.config.benchmark, reread.config.endpoint.model) == (value, value)
    assert reread.effective_yaml() == found.effective_yaml()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
TRICKY = st.sampled_from(
    [
        *(
            "null",
            "~",
            "yes",
            "1.10",
            "0x1F",
            "1e3",
            "1_000",
            "12:30:45",
            "2001-01-01",
            "<<",
            "=",
            "- a",
            "a: b",
            "#c",
            "!x",
        ),
        *("&a", "*a", "|", "\n", " x", "x ", "\t", "${HOME}", "$$", "'", '"', "\x85", "\u2028", "\ufeff", "\x7f", "😀"),
        *("a" * 200, "word " * 60),
    ]
)
NAMES = (TEXT | TRICKY).filter(lambda name: not re.search(r"(?i)(key|token|secret|pass|auth)", name))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT | TRICKY
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
SEED = st.integers(0, 2**64 - 1)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    scenario = draw(st.sampled_from(["Offline", "SingleStream", "MultiStream", "Server"]))
    words = TEXT | TRICKY
    load: dict[str, Any] = {
        "min_queries": draw(st.integers(2, ROWS)),
        "min_duration_s": draw(st.floats(0, 100)),
        "max_duration_s": draw(st.floats(100, 1e9)),
        "warmup_queries": draw(st.integers(0, 5)),
        "capture": draw(st.floats(0, 1)),
        "seeds": draw(st.fixed_dictionaries({}, optional={"order": SEED, "arrival": SEED, "capture": SEED})),
    }
    if scenario == "Server":
        load["target_qps"] = draw(st.floats(1e-3, 1e6))
    elif scenario != "SingleStream":
        load["max_in_flight"] = draw(st.none() | st.integers(1, 500))
    test04: dict[str, Any] = {
        "test": "test04",
        "threshold": draw(st.none() | st.floats(0.001, 0.999)),
        "sample_index": draw(st.integers(0, ROWS - 1)),
    }
    return {
        "benchmark": draw(words),
        "scenario": scenario,
        "endpoint": {
            "url": "http://h",
            "api": "openai_chat",
            "model": draw(st.none() | words),
            "timeout_s": draw(st.floats(1e-6, 1e9)),
            "parameters": draw(st.dictionaries(NAMES.filter(lambda name: name != "stream"), VALUES, max_size=4)),
        },
        "dataset": {
            "path": "prompts.jsonl",
            "id": draw(words),
            "provenance": draw(words),
            "columns": draw(st.dictionaries(words, st.none() | words, max_size=3)),
        },
        "load": load,
        "audits": [] if scenario == "Server" else [test04],
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=configs())
def test_the_effective_config_gives_the_same_plan_and_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "job.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    config, document = load_config(path, None)
    plan = make_plan(config, document, ROWS)
    reread = again(path, plan)
    assert reread.effective_yaml() == plan.effective_yaml()
    assert reread.effective() == plan.effective()
    assert (reread.runs, reread.load) == (plan.runs, plan.load)
    assert [reread.schedule(a).digest() for a in reread.runs] == [plan.schedule(b).digest() for b in plan.runs]
    assert reread.config.endpoint.parameters == config.endpoint.parameters


def test_a_changed_byte_of_the_effective_config_is_another_plan_or_refused(tmp_path: Path) -> None:
    """A reviewer's `verify` reads this file from somebody else: whatever it holds, it must not be a bug of ours."""
    whole = job(tmp_path, benchmark="Größe").plan.effective_yaml()
    path = tmp_path / "config.yaml"
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1, 0x20, 0x80, 0xFF)[at // 5 % 4]]) + whole[at + 1 :])
        message = refusal_of(lambda: make_plan(*load_config(path, None), ROWS).effective_yaml())
        assert message is None or message.startswith(str(path))


def test_a_probe_needs_requests_that_are_new_for_sure(tmp_path: Path) -> None:
    rows = tmp_path / "instances.jsonl"
    rows.write_text('{"instances": [[1], [2]]}\n' * 8)
    changes: dict[str, Any] = {
        "endpoint": {"url": "http://127.0.0.1:9", "api": "predict"},
        "dataset": {"path": rows.name},
        "load": {"min_queries": 4},
    }
    text = refusal(tmp_path, audits=[{"test": "cache_probe", "pairs": 4}], **changes)
    assert "cache_probe: no request of predict is new for sure, which it needs" in text
