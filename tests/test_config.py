"""The config: what is refused, where, and without repeating a secret."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from auditcube.config import EndpointConfig, JobConfig, LoadConfig, load_config
from auditcube.errors import ExitCode, InvalidInput
from auditcube.scenario import Scenario

MINIMAL: dict[str, Any] = {
    "benchmark": "b",
    "scenario": "Offline",
    "endpoint": {"url": "http://127.0.0.1:8000", "api": "videogen"},
    "dataset": {"path": "prompts.jsonl"},
}
DESIGN = """\
benchmark: wan2.2-t2v-a14b
scenario: Offline                 # Offline | SingleStream | MultiStream | Server, LoadGen's words
endpoint:
  url: ${ENDPOINT_URL:-http://127.0.0.1:8000}
  api: videogen                   # videogen | openai_chat | openai_completions
  model: wan22
  api_key_env: ENDPOINT_API_KEY   # the variable's name; the key itself enters no file
  timeout_s: 3600
  parameters: {seed: 42}          # sent with every request; a dataset row may override
dataset: {path: prompts.jsonl, id: wan22-prompts, provenance: "where it came from", samples: 248}
load: {max_in_flight: 72, target_qps: null, min_queries: 144, min_duration_s: 600, max_duration_s: 14400,
       warmup_queries: 0, seeds: {order: 42, arrival: 42, capture: 42}}
audits:
  - {test: test04, samples: 144, audit_samples: 144, sample_index: 3, threshold: 0.10}
  - {test: cache_probe, pairs: 32}
claim_status: diagnostic          # diagnostic | internal | public
"""


def changed(at: str, value: Any) -> dict[str, Any]:
    """MINIMAL with one value changed; `...` takes the key out."""
    data: dict[str, Any] = yaml.safe_load(yaml.safe_dump(MINIMAL))
    *path, last = at.split(".")
    inner = data
    for part in path:
        inner = inner.setdefault(part, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return data


def loaded(tmp_path: Path, data: Any, environ: dict[str, str] | None = None) -> JobConfig:
    path = tmp_path / "job.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return load_config(path, environ or {})[0]


def refusal(tmp_path: Path, data: Any) -> str:
    """The message with which a config is refused; it always names the file."""
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, data)
    assert caught.value.exit_code is ExitCode.INVALID_INPUT
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'job.yaml'}")
    return text.removeprefix(f"{tmp_path / 'job.yaml'}")


def test_the_config_of_the_design_page_loads(tmp_path: Path) -> None:
    config = loaded(tmp_path, DESIGN)
    assert config.scenario is Scenario.OFFLINE
    assert config.endpoint.url == "http://127.0.0.1:8000"
    assert config.endpoint.parameters == {"seed": 42}
    assert config.max_in_flight == 72
    assert [entry.test for entry in config.audits] == ["test04", "cache_probe"]
    assert config.audits[1].model_extra == {"pairs": 32}


def test_variables_are_filled_from_the_environment(tmp_path: Path) -> None:
    assert loaded(tmp_path, DESIGN, {"ENDPOINT_URL": "https://other:9"}).endpoint.url == "https://other:9"


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL)
    assert config.load == LoadConfig()
    assert config.audits == ()
    assert config.claim_status == "diagnostic"
    assert (config.endpoint.timeout_s, config.endpoint.model, config.endpoint.parameters) == (3600.0, None, {})
    seeds = config.load.seeds
    assert (seeds.order, seeds.arrival, seeds.capture) == (42, 42, 42)


@pytest.mark.parametrize(
    ("scenario", "given", "in_force"),
    [("Offline", None, 64), ("SingleStream", None, 1), ("MultiStream", None, 8), ("Offline", 3, 3), ("Server", 5, 5)],
)
def test_the_number_in_flight(tmp_path: Path, scenario: str, given: int | None, in_force: int) -> None:
    data = changed("scenario", scenario) | {"load": {"max_in_flight": given}}
    if scenario == "Server":
        data["load"]["target_qps"] = 1.0
    assert loaded(tmp_path, data).max_in_flight == in_force


def test_server_has_no_bound_by_default(tmp_path: Path) -> None:
    assert loaded(tmp_path, changed("scenario", "Server") | {"load": {"target_qps": 2}}).max_in_flight is None


UNKNOWN = [
    ("benchmrk", "benchmrk: unknown key; did you mean benchmark?"),
    ("endpoint.ulr", "endpoint.ulr: unknown key; did you mean url?"),
    ("endpoint.api_key", "endpoint.api_key: unknown key; did you mean api_key_env?"),
    ("dataset.sample", "dataset.sample: unknown key; did you mean samples?"),
    ("load.min_query", "load.min_query: unknown key; did you mean min_queries?"),
    ("load.seeds.ordr", "load.seeds.ordr: unknown key; did you mean order?"),
    ("load.seeds.zzz", "load.seeds.zzz: unknown key; known here: order, arrival, capture"),
    ("zzz", "zzz: unknown key; known here: benchmark, scenario, endpoint, dataset, load, audits, claim_status"),
]


@pytest.mark.parametrize(("at", "message"), UNKNOWN)
def test_an_unknown_key_is_refused_with_the_nearest(tmp_path: Path, at: str, message: str) -> None:
    text = refusal(tmp_path, changed(at, 1))
    lines = (tmp_path / "job.yaml").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.lstrip().startswith(at.split(".")[-1] + ":"))
    assert text == f", line {number}: {message}"


@pytest.mark.parametrize(
    "at", ["benchmark", "scenario", "endpoint", "dataset", "endpoint.url", "endpoint.api", "dataset.path"]
)
def test_what_has_no_default_must_be_there(tmp_path: Path, at: str) -> None:
    assert f": {at}: missing; it has no default" in refusal(tmp_path, changed(at, ...))


BAD: list[tuple[str, Any, str]] = [
    ("benchmark", "", "at least 1 character"),
    ("benchmark", 5, "valid string"),
    ("scenario", "offline", "'Offline', 'SingleStream', 'MultiStream' or 'Server'"),
    ("scenario", None, "'Offline'"),
    ("claim_status", "official", "'diagnostic', 'internal' or 'public'"),
    ("endpoint.timeout_s", 0, "greater than 0"),
    ("endpoint.timeout_s", -1, "greater than 0"),
    ("endpoint.timeout_s", "60", "valid number"),
    ("endpoint.timeout_s", True, "valid number"),
    ("endpoint.timeout_s", float("inf"), "finite number"),
    ("endpoint.timeout_s", float("nan"), "finite number"),
    ("endpoint.path", "v1/x", "a path that starts with / and holds printable ASCII, no fragment, is wanted"),
    ("endpoint.path", "/v1/x?api_key=k", "api_key looks like a secret"),
    ("endpoint.path", "/v1/x#a", "a path that starts with / and holds printable ASCII, no fragment, is wanted"),
    ("endpoint.path", "/a b", "a path that starts with /"),
    ("endpoint.path", "/a\r\nHost: x", "a path that starts with /"),
    ("endpoint.path", "/ä", "a path that starts with /"),
    ("endpoint.api_key_env", "MY-KEY", "pattern"),
    ("endpoint.api_key_env", "1KEY", "pattern"),
    ("endpoint.api_key_env", "KEY\n", "pattern"),
    ("endpoint.parameters", [1], "valid dictionary"),
    ("dataset.id", "", "at least 1 character"),
    ("dataset.provenance", "", "at least 1 character"),
    ("dataset.samples", 0, "greater than or equal to 1"),
    ("dataset.samples", True, "valid integer"),
    ("dataset.samples", 2.0, "valid integer"),
    ("dataset.samples", "2", "valid integer"),
    ("load.max_in_flight", 0, "greater than or equal to 1"),
    ("load.max_in_flight", False, "valid integer"),
    ("load.min_queries", 0, "greater than or equal to 1"),
    ("load.min_queries", 1e3, "valid integer"),
    ("load.min_duration_s", -0.1, "greater than or equal to 0"),
    ("load.min_duration_s", float("nan"), "finite number"),
    ("load.max_duration_s", 0, "greater than 0"),
    ("load.max_duration_s", float("inf"), "finite number"),
    ("load.warmup_queries", -1, "greater than or equal to 0"),
    ("load.capture", 1.01, "less than or equal to 1"),
    ("load.capture", -0.01, "greater than or equal to 0"),
    ("load.workers", 0, "greater than or equal to 1"),
    ("load.workers", 257, "less than or equal to 256"),
    ("load.seeds.order", -1, "greater than or equal to 0"),
    ("load.seeds.order", 2**64, "less than 18446744073709551616"),
    ("load.seeds.arrival", True, "valid integer"),
    ("load.seeds.capture", 1.0, "valid integer"),
    ("load.seeds", None, "valid dictionary"),
    ("load", [1], "valid dictionary"),
    ("endpoint", "http://x", "valid dictionary"),
]


@pytest.mark.parametrize(("at", "value", "message"), BAD, ids=[f"{at}={value!r}" for at, value, _ in BAD])
def test_a_bad_value_is_refused_at_its_line_and_path(tmp_path: Path, at: str, value: Any, message: str) -> None:
    text = refusal(tmp_path, changed(at, value))
    assert re.match(rf", line \d+: {re.escape(at)}(\.\w+)*: ", text), text
    assert message in text


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("load.seeds.order", 0),
        ("load.seeds.order", 2**64 - 1),
        ("load.seeds.arrival", 10487924139932647040),  # MLPerf's
        ("load.capture", 0),
        ("load.capture", 1),
        ("load.workers", 64),
        ("load.min_queries", 1),
        ("dataset.samples", 1),
        ("endpoint.timeout_s", 5),  # an integer is a number
        ("endpoint.timeout_s", 1e-9),
        ("endpoint.path", "/v1/videos?version=2"),
        ("endpoint.api_key_env", "_K1"),
        ("dataset.columns", {"text": "prompt", "id": None}),
    ],
)
def test_a_value_at_the_boundary_is_accepted(tmp_path: Path, at: str, value: Any) -> None:
    found: Any = loaded(tmp_path, changed(at, value))
    for part in at.split("."):
        found = getattr(found, part)
    assert found == value


INCONSISTENT: list[tuple[str, dict[str, Any], str]] = [
    ("Server", {}, "load.target_qps: scenario Server needs an arrival rate"),
    ("Server", {"target_qps": None}, "load.target_qps: scenario Server needs"),
    ("Server", {"target_qps": 0}, "load.target_qps: input should be greater than 0"),
    ("Offline", {"target_qps": 1.0}, "load.target_qps: only Server has an arrival rate; leave it out in Offline"),
    ("SingleStream", {"target_qps": 1.0}, "load.target_qps: only Server has"),
    ("SingleStream", {"max_in_flight": 2}, "load.max_in_flight: SingleStream has one query in flight"),
    ("SingleStream", {"workers": 2}, "load.workers: 2 workers cannot share 1 queries in flight"),
    ("Offline", {"workers": 65}, "load.workers: 65 workers cannot share 64 queries in flight"),
    ("MultiStream", {"workers": 2}, "load.workers: MultiStream has one worker"),
    ("Offline", {"target_latency_s": 1.0}, "load.target_latency_s: only Server has a bound on latency"),
    ("SingleStream", {"tpot_latency_s": 1.0}, "load.tpot_latency_s: only Server has a bound on latency"),
    ("Offline", {"max_in_flight": 3, "workers": 4}, "load.workers: 4 workers cannot share 3 queries in flight"),
    ("Offline", {"min_duration_s": 5, "max_duration_s": 4.9}, "load.min_duration_s: longer than load.max_duration_s"),
]


@pytest.mark.parametrize(("scenario", "load", "message"), INCONSISTENT)
def test_a_load_that_contradicts_its_scenario(
    tmp_path: Path, scenario: str, load: dict[str, Any], message: str
) -> None:
    text = refusal(tmp_path, changed("scenario", scenario) | {"load": load})
    assert re.match(r", line \d+: ", text)
    assert message in text


@pytest.mark.parametrize(
    ("scenario", "load"),
    [
        ("SingleStream", {"max_in_flight": 1}),
        ("Offline", {"workers": 64}),
        ("Server", {"target_qps": 1, "workers": 200}),
        ("Offline", {"min_duration_s": 5, "max_duration_s": 5}),
    ],
)
def test_a_load_that_suits_its_scenario(tmp_path: Path, scenario: str, load: dict[str, Any]) -> None:
    loaded(tmp_path, changed("scenario", scenario) | {"load": load})


@pytest.mark.parametrize(
    "url",
    [
        "http://h", "https://h:8443/prefix/v1", "http://127.0.0.1:8000", "http://[::1]:8000", "HTTP://H", "http://h:65535",
    ],
)  # fmt: skip
def test_a_url(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, changed("endpoint.url", url)).endpoint.url == url


BAD_URLS = [
    *("", "h", "h:8000", "localhost", "/x", "http://", "http:///x", "http://:8000", "ftp://h", "file:///x", "://h"),
    *("http://h:0", "http://h:65536", "http://h:x", "http://[::1", "http://h\n", "http://h /x", " http://h"),
    *("http://h\tx", "http://hä", "http://h\u2028", "http://h/\x7f", "http://[nonsense]", "http://h\ud7ff"),
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_no_url(tmp_path: Path, url: str) -> None:
    text = refusal(tmp_path, changed("endpoint.url", url))
    assert re.fullmatch(
        r", line \d+: endpoint\.url: scheme://host\[:port\]\[/prefix\] is wanted, with http or https; .*", text
    )


CREDENTIALS = [
    *("http://admin:hunter2@h", "http://hunter2@h", "http://:hunter2@h:80/x", "http://admin:hunter2@h:99999"),
    *("http://admin:hunter2/x@h", "http://admin:hunter2/@h", "http://u:hunter2@[::1", "http://u:hunter2\u2100s@h"),
    *("http://u:hunter2@h:hunter2", "ftp://u:hunter2@h", "u:hunter2@h", "http://h/x@hunter2", "http://u:hunter2 @h"),
]


@pytest.mark.parametrize("url", CREDENTIALS)
def test_credentials_in_a_url_are_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    text = refusal(tmp_path, changed("endpoint.url", url))
    assert "hunter2" not in text
    assert "credentials do not belong in a URL; name their variable in endpoint.api_key_env" in text


@pytest.mark.parametrize(
    "url", ["http://h?key=hunter2", "http://h/x#hunter2", "http://h?", "http://h/#", "http://h:hunter2"]
)
def test_nothing_else_that_may_be_secret_is_repeated(tmp_path: Path, url: str) -> None:
    text = refusal(tmp_path, changed("endpoint.url", url))
    assert "endpoint.url: " in text
    assert "hunter2" not in text


SECRETS = [
    *("api_key", "API_KEY", "apikey", "api-key", "x-api-key", "openai_api_key", "Authorization", "authorization"),
    *("password", "db_password", "passwd", "secret", "client_secret", "token", "hf_token", "access-token"),
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_parameter_that_looks_like_a_secret_is_refused_and_its_value_not_repeated(tmp_path: Path, name: str) -> None:
    text = refusal(tmp_path, changed("endpoint.parameters", {"seed": 1, name: "hunter2"}))
    assert f"endpoint.parameters: {name} looks like a secret" in text
    assert "endpoint.api_key_env" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"extra": {"api_key": "hunter2"}}, "extra.api_key"),
        ({"messages": [{"content": "x"}, {"token": "hunter2"}]}, "messages[1].token"),
        ({"a": {"b": [[{"password": "hunter2"}]]}}, "a.b[0][0].password"),
    ],
)
def test_a_secret_is_found_however_deep_it_lies(tmp_path: Path, value: Any, path: str) -> None:
    text = refusal(tmp_path, changed("endpoint.parameters", value))
    assert f"{path} looks like a secret" in text
    assert "hunter2" not in text


@pytest.mark.parametrize("name", ["max_tokens", "stop_token_ids", "ignore_eos", "tokens", "key", "secretary", "seed"])
def test_a_harmless_parameter_is_none(tmp_path: Path, name: str) -> None:
    assert loaded(tmp_path, changed("endpoint.parameters", {name: 5})).endpoint.parameters == {name: 5}


@pytest.mark.parametrize(
    ("yaml_value", "message"),
    [
        (".nan", "x: JSON has no infinity and no NaN"),
        ("-.inf", "x: JSON has no infinity and no NaN"),
        ("[1, {y: .inf}]", "x[1].y: JSON has no infinity and no NaN"),
        ("2020-01-01", "x: JSON has no date; put it in quotes if it is text"),
        ("!!binary aGk=", "x: JSON has no bytes"),
        ("!!set {a, b}", "x: JSON has no set"),
        ("18446744073709551616", "x: an integer of at most 64 bits is wanted"),
        ("-9223372036854775809", "x: an integer of at most 64 bits is wanted"),
    ],
)
def test_a_parameter_that_no_request_can_carry(tmp_path: Path, yaml_value: str, message: str) -> None:
    head = yaml.safe_dump(MINIMAL, sort_keys=False).replace("api: videogen", "api: videogen\n  parameters: {x: VALUE}")
    assert f"endpoint.parameters: {message}" in refusal(tmp_path, head.replace("VALUE", yaml_value))


def test_parameters_at_the_limits(tmp_path: Path) -> None:
    value: dict[str, Any] = {"a": 2**64 - 1, "b": -(2**63), "c": None, "d": [True, {"e": 1.5}], "f": "ü", "g": {}}
    assert loaded(tmp_path, changed("endpoint.parameters", value)).endpoint.parameters == value


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "5\n", "null\n", "[]\n"])
def test_what_is_no_mapping(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text) == ": a mapping of keys is wanted; `auditcube init` writes a config"


@pytest.mark.parametrize(
    "audits", ["test04", {"test": "test04"}, [1], ["test04"], [{}], [{"samples": 5}], [{"test": 4}]]
)
def test_what_is_no_list_of_audits(tmp_path: Path, audits: Any) -> None:
    assert re.match(r", line \d+: audits", refusal(tmp_path, changed("audits", audits)))


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    data = changed("load.workers", 0) | {"benchmark": "", "zzz": 1}
    assert {"load.workers", "benchmark", "zzz"} == set(re.findall(r"line \d+: (\S+): ", refusal(tmp_path, data)))


def test_a_config_does_not_change_once_it_is_read(tmp_path: Path) -> None:
    config = loaded(tmp_path, DESIGN)
    for part, name in [
        (config, "benchmark"),
        (config.load, "workers"),
        (config.load.seeds, "order"),
        (config.audits[0], "test"),
    ]:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, "x")


def test_the_endpoint_never_holds_a_key() -> None:
    assert not [name for name in EndpointConfig.model_fields if "key" in name and name != "api_key_env"]


SOCKET = "http+unix://%2Frun%2Fserve.sock"


def test_several_urls_and_sockets(tmp_path: Path) -> None:
    urls = ["http://a:1", "https://b/x", SOCKET]
    assert loaded(tmp_path, changed("endpoint.url", urls)).endpoint.urls == tuple(urls)
    assert loaded(tmp_path, changed("endpoint.url", SOCKET)).endpoint.urls == (SOCKET,)


@pytest.mark.parametrize(
    ("urls", "reason"),
    [
        ([], "at least one URL is wanted, and none twice"),
        (["http://a", "http://a"], "at least one URL is wanted, and none twice"),
        (["http://a", "ftp://b"], "is wanted, with http or https"),
        (["http://a", 5], "a URL, or a list of URLs, is wanted"),
        ({"a": "http://a"}, "a URL, or a list of URLs, is wanted"),
        ("http+unix://relative.sock", "http+unix://%2Fpath"),
        ("http+unix:///run/serve.sock", "http+unix://%2Fpath"),
        ("http+unix://user:secret@%2Frun", "credentials do not belong in a URL"),
    ],
)
def test_what_are_no_urls(tmp_path: Path, urls: Any, reason: str) -> None:
    assert reason in refusal(tmp_path, changed("endpoint.url", urls))


@pytest.mark.parametrize(
    ("scenario", "more", "queries"),
    [
        ("Offline", {}, 24576),
        ("SingleStream", {}, 64),
        ("MultiStream", {}, 662 * 8),
        ("MultiStream", {"max_in_flight": 2}, 662 * 2),
        ("Server", {"target_qps": 1.0}, 459),
        ("Offline", {"min_queries": 5}, 5),
    ],
)
def test_a_preset_sets_what_the_file_does_not(
    tmp_path: Path, scenario: str, more: dict[str, Any], queries: int
) -> None:
    load = {"preset": "mlperf-v6.1", **more}
    config = loaded(tmp_path, {**changed("scenario", scenario), "load": load})
    assert (config.load.min_queries, config.load.min_duration_s) == (queries, 600.0)
    assert config.load.seeds.order == 2747215439041700203
    assert config.load.seeds.arrival == 16159082839903944936
    again = loaded(tmp_path, {**changed("scenario", scenario), "load": config.load.model_dump(mode="json")})
    assert again.load == config.load


@pytest.mark.parametrize(
    ("name", "order", "arrival"),
    [
        ("mlperf-v5.0", 15036839855038426416, 9933818062894767841),
        ("mlperf-v5.1", 14771362308971278857, 18209322760996052031),
        ("mlperf-v6.0", 14276810075590677512, 3936089224930324775),
        ("mlperf-v6.1", 2747215439041700203, 16159082839903944936),
    ],
)
def test_the_published_seeds_of_each_round(tmp_path: Path, name: str, order: int, arrival: int) -> None:
    seeds = loaded(tmp_path, changed("load", {"preset": name})).load.seeds
    assert (seeds.order, seeds.arrival, seeds.capture) == (order, arrival, 720381539243781796)


def test_an_unknown_preset(tmp_path: Path) -> None:
    assert "mlperf-v6.1" in refusal(tmp_path, changed("load.preset", "mlperf-v9"))
    assert "load.preset" in refusal(tmp_path, changed("load.preset", ["mlperf-v6.1"]))
