"""The schema: what a manifest may say, and a shelf of broken ones named after their defect."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditcube.manifest import schema
from manifest.examples import FULL, HASH, ISSUE_367, TIME, UUID


def changed(at: str, value: Any) -> dict[str, Any]:
    """FULL with the value at a JSON pointer replaced, or taken out (`...`)."""
    manifest = copy.deepcopy(FULL)
    *path, last = at.split("/")[1:]
    inner: Any = manifest
    for part in path:
        inner = inner[int(part) if isinstance(inner, list) else part]
    key: Any = int(last) if isinstance(inner, list) else last
    if value is ...:
        del inner[key]
    else:
        inner[key] = value
    return manifest


def test_the_schema_is_a_schema_with_an_id() -> None:
    document = json.loads(schema.text())
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"].startswith("urn:")
    assert schema.text() == (Path(__file__).parents[2] / "schemas" / "mlcube.run_audit.v1.schema.json").read_text(
        "utf-8"
    )


def test_the_example_of_issue_367_is_valid() -> None:
    assert schema.problems(ISSUE_367) == []


def test_a_manifest_with_everything_is_valid() -> None:
    assert schema.problems(FULL) == []
    assert set(FULL) == set(json.loads(schema.text())["properties"]), "a member that no test knows"


@pytest.mark.parametrize("name", sorted(ISSUE_367))
def test_what_issue_367_names_must_be_there(name: str) -> None:
    assert schema.problems(changed(f"/{name}", ...)) == [("", f'"{name}" is a required property')]


@pytest.mark.parametrize("name", sorted(set(FULL) - set(ISSUE_367)))
def test_all_else_may_be_left_out(name: str) -> None:
    assert schema.problems(changed(f"/{name}", ...)) == []


# Their members have names of their own.
OPEN = ("/verdicts/0/numbers", "/redaction/findings", "/environment/variables", "/run_durations_ns")


def objects(value: Any, at: str = "") -> list[str]:
    """The pointers of all objects in a manifest but those that are open."""
    if isinstance(value, dict):
        inside = [pointer for name, member in value.items() for pointer in objects(member, f"{at}/{name}")]
        return [*([] if at in OPEN else [at]), *inside] if at != "/extensions" else []
    if isinstance(value, list):
        return [pointer for number, member in enumerate(value) for pointer in objects(member, f"{at}/{number}")]
    return []


@pytest.mark.parametrize("at", objects(FULL))
def test_every_object_is_closed(at: str) -> None:
    found = schema.problems(changed(f"{at}/unheard_of", 1))
    assert [pointer for pointer, _ in found] == [at]
    assert "unheard_of" in found[0][1]


REQUIRED = [
    *("/dataset_refs/0/source_id", "/dataset_refs/0/kind", "/dataset_refs/0/provenance", "/provenance/repo"),
    *("/dataset_refs/0/redaction_status", "/provenance/commit", "/provenance/created_at", "/task_status/state"),
    *("/task_status/exit_code", "/artifacts/0/role", "/artifacts/0/path", "/artifacts/0/size"),
    *("/artifacts/0/media_type", "/artifacts/0/digest", "/artifacts/0/digest/sha256", "/parents/0/task"),
    *("/parents/0/manifest_sha256", "/verdicts/0/test", "/verdicts/0/outcome", "/verdicts/0/code"),
    *("/verdicts/0/reason", "/verdicts/0/numbers", "/verdicts/0/remarks", "/verdicts/0/remarks/0/code"),
    *("/verdicts/0/remarks/0/text", "/headline/0/metric", "/headline/0/value", "/headline/0/unit"),
    *("/headline/0/source", "/headline/0/source/path", "/headline/0/source/json_pointer", "/manifest_digest/sha256"),
    *("/provenance/tool/name", "/provenance/tool/version", "/provenance/tool/commit", "/dataset_refs/0/digest/sha256"),
    *("/redaction/policy", "/redaction/policy_version", "/redaction/rules_digest", "/redaction/unscanned"),
    *("/redaction/findings", "/redaction/original/manifest_sha256"),
    *("/redaction/withheld/0/path", "/redaction/withheld/0/rule", "/redaction/withheld/0/length"),
    *("/redaction/withheld/0/commitment", "/redaction/withheld/0/commitment/sha256"),
]


@pytest.mark.parametrize("at", REQUIRED)
def test_an_object_is_whole(at: str) -> None:
    name = at.rsplit("/", 1)[1]
    assert schema.problems(changed(at, ...)) == [(at.rsplit("/", 1)[0], f'"{name}" is a required property')]


HASHES = [
    *("/manifest_digest/sha256", "/artifacts/0/digest/sha256", "/parents/0/manifest_sha256"),
    *("/config_hashes/mlcube_yaml", "/config_hashes/effective_config", "/dataset_refs/0/digest/sha256"),
    *("/redaction/rules_digest/sha256", "/redaction/original/manifest_sha256"),
    "/redaction/withheld/0/commitment/sha256",
]
PATHS = ["/artifacts/0/path", "/headline/0/source/path"]
TEXTS = [
    *("/mlcube_task", "/runner", "/image", "/mlcube_config_hash", "/benchmark", "/dataset_refs/0/source_id"),
    *("/dataset_refs/0/kind", "/dataset_refs/0/provenance", "/result_paths/0", "/provenance/repo"),
    *("/provenance/commit", "/provenance/created_at", "/provenance/tool/version", "/artifacts/0/media_type"),
    *("/environment/python", "/verdicts/0/reason", "/verdicts/0/remarks/0/text", "/headline/0/metric"),
    *("/non_claims/0", "/parents/0/task", "/dataset_refs/0/format"),
]
BAD_HASHES = [
    ("newline", HASH + "\n"), ("newline inside", HASH[:-1] + "\n"), ("short", HASH[:-1]), ("long", HASH + "0"),
    ("upper case", HASH.upper()), ("no hex", "g" + HASH[1:]), ("prefix", f"sha256:{HASH[7:]}"), ("empty", ""),
    ("null", None), ("number", 5), ("full width", "０" + HASH[1:]),
]  # fmt: skip
BAD_PATHS = [
    "", "..", ".", "../a", "a/..", "a/../b", "a/./b", "./a", "a/.", "/a", "/", "a/", "a//b", "a\\b", "..\\a", "C:\\a",
    "a\n", "\na", "a\nb", "a/\n", "..\n", "a/..\n", "a\tb", "a\0b", "a\x1fb", "x" * 1025, 5, None, ["a"],
]  # fmt: skip
GOOD_PATHS = ["a", "a/b", "...", "a/...", ".a", "a..b", "..a", "a..", "a b", "ä/ö", "x" * 1024, "-", "a:b", "~"]
NO_SEEDS: list[Any] = [5, -1, "-1", "1.0", "01", "", "1\n", "9" * 21, None, "٣"]
NO_NUMBERS: list[Any] = ["NaN", "inf", "", "1.", ".5", "1\n", "0x1", 5, "1" * 41]
LISTS = ["dataset_refs", "result_paths", "artifacts", "parents", "verdicts"]
NO_TEXTS: list[Any] = ["", 5, None, True, [], {}, "x" * 4097]
SHELF: list[tuple[str, str, Any]] = [
    *((f"{at} {name}", at, value) for at in HASHES for name, value in BAD_HASHES),
    *((f"{at} {value!r:.20}", at, value) for at in PATHS for value in BAD_PATHS),
    *((f"{at} {value!r:.20}", at, value) for at in TEXTS for value in NO_TEXTS),
    *((f"uuid {value!r}", "/run_id", value) for value in (UUID + "\n", UUID.upper(), UUID[:-1], UUID + "0", "", 5)),
    ("uuid without hyphens", "/run_id", UUID.replace("-", "")),
    ("parent's uuid", "/parents/0/run_id", "x"),
    ("unknown rule's form", "/redaction/withheld/0/rule", "E-Mail"),
    ("rule with a newline", "/redaction/policy", "auditcube\n"),
    ("findings of no rule", "/redaction/findings", {"E-Mail": 1}),
    ("findings none", "/redaction/findings/email", 0),
    ("findings no number", "/redaction/findings/email", "2"),
    ("withheld nothing", "/redaction/withheld/0/length", 0),
    ("withheld in line 0", "/redaction/withheld/0/line", 0),
    ("rules' version", "/redaction/policy_version", "one"),
    ("another version", "/schema_version", "mlcube.run_audit.v2"),
    ("version with newline", "/schema_version", "mlcube.run_audit.v1\n"),
    ("claim", "/claim_status", "Diagnostic"),
    ("claim null", "/claim_status", None),
    ("redaction", "/redaction_status", "safe"),
    ("data set's redaction", "/dataset_refs/0/redaction_status", ""),
    ("outcome", "/verdicts/0/outcome", "pass"),
    ("state", "/task_status/state", "done"),
    ("role", "/artifacts/0/role", "other"),
    *((f"exit code {value!r}", "/task_status/exit_code", value) for value in (-1, 256, "0", None, 0.5, True)),
    *((f"time {value!r}", "/started_on", value) for value in ("2026-11-22", TIME + "\n", TIME[:-1], 5, None)),
    ("time with an offset", "/finished_on", "2026-11-22T05:00:00.123456+00"),
    ("time to the millisecond", "/finished_on", "2026-11-22T05:00:00.123Z"),
    *((f"duration {value!r}", "/monotonic_duration_ns", value) for value in (-1, 2**53, "5", 0.5, None)),
    *((f"size {value!r}", "/artifacts/0/size", value) for value in (-1, 2**53, "5", 1.5, None)),
    *((f"rows {value!r}", "/dataset_refs/0/rows", value) for value in (0, -1, "5", 1.5)),
    ("no samples", "/dataset_refs/0/samples", 0),
    ("no processors", "/environment/cpu_count", 0),
    *((f"seed {value!r}", "/seeds/order", value) for value in NO_SEEDS),
    *((f"value {value!r}", "/headline/0/value", value) for value in NO_NUMBERS),
    ("a list among the numbers", "/verdicts/0/numbers/gain", []),
    ("an object among the numbers", "/verdicts/0/numbers/gain", {}),
    ("pointer", "/headline/0/source/json_pointer", 5),
    ("dirty", "/provenance/dirty", "no"),
    ("extensions a list", "/extensions", []),
    *((f"{name} no list", f"/{name}", {}) for name in LISTS),
    *((f"{name} null", f"/{name}", None) for name in ("headline", "non_claims", "seeds", "environment", "provenance")),
]  # fmt: skip


@pytest.mark.parametrize(("at", "value"), [case[1:] for case in SHELF], ids=[case[0] for case in SHELF])
def test_a_broken_manifest_is_found_at_its_place(at: str, value: Any) -> None:
    found = schema.problems(changed(at, value))
    assert found, "nothing was found"
    assert {pointer for pointer, _ in found} == {at}


@pytest.mark.parametrize("manifest", [None, [], "x", 5, True, {}])
def test_what_is_no_manifest_at_all(manifest: Any) -> None:
    assert {pointer for pointer, _ in schema.problems(manifest)} == {""}


@pytest.mark.parametrize("at", PATHS)
@pytest.mark.parametrize("value", GOOD_PATHS)
def test_a_path_within_the_directory(at: str, value: str) -> None:
    assert schema.problems(changed(at, value)) == []


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("/task_status/exit_code", 255),
        ("/task_status/exit_code", 0),
        ("/monotonic_duration_ns", 2**53 - 1),
        ("/artifacts/0/size", 0),
        ("/seeds/order", "0"),
        ("/seeds/order", str(2**64 - 1)),
        ("/provenance/dirty", None),
        ("/verdicts/0/numbers", {}),
        ("/dataset_refs", []),
        ("/result_paths", []),
        ("/image", "x" * 4096),
        ("/headline/0/value", "-1.5e-07"),
        ("/headline/0/value", "1e+16"),
        ("/claim_status", "public"),
        ("/redaction_status", "redacted"),
    ],
)
def test_a_manifest_at_the_boundary_is_valid(at: str, value: Any) -> None:
    assert schema.problems(changed(at, value)) == []


@pytest.mark.parametrize("number", [1e-300, 1e300, 0.1, 12345.678, 5e-324, 1.7976931348623157e308, 1.0])
def test_every_number_that_python_writes_is_a_value_of_a_headline(number: float) -> None:
    assert schema.problems(changed("/headline/0/value", repr(number))) == []


def test_every_problem_is_told() -> None:
    manifest = changed("/benchmark", "") | {"claim_status": "x", "zzz": 1}
    assert sorted(pointer for pointer, _ in schema.problems(manifest)) == ["", "/benchmark", "/claim_status"]


def test_a_value_that_is_wrong_is_not_repeated() -> None:
    secret = "hunter2" * 3
    for at in ("/run_id", "/artifacts/0/path", "/claim_status", "/schema_version", "/seeds/order"):
        value = f"/{secret}" if at.endswith("path") else secret
        assert all(secret not in message for _, message in schema.problems(changed(at, value)))


def test_a_pointer_is_escaped() -> None:
    found = schema.problems(changed("/verdicts/0/numbers", {"a/b~c": []}))
    assert [pointer for pointer, _ in found] == ["/verdicts/0/numbers/a~1b~0c"]
