"""What every audit test keeps, whichever it is; and that a new one is one new file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditcube import audits
from auditcube.audits.contract import AuditParams, AuditTest, Outcome, Refusal, Remark, Verdict
from builders import load_of

NAMES = audits.names()


def found(name: str) -> AuditTest:
    test = audits.get(name)
    assert test is not None
    return test


# Settings without which an audit plans nothing.
NEEDED: dict[str, dict[str, Any]] = {
    "test07": {"threshold": 60.698},
    "test09": {"min_output_tokens": 1.0, "max_output_tokens": 9.0},
}


def test_the_audit_tests_are_the_files_of_the_folder() -> None:
    folder = Path(str(audits.__file__)).parent
    assert (
        sorted(path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "contract", "scorers"))
        == NAMES
    )
    assert "test04" in NAMES


@pytest.mark.parametrize(
    "name", ["contract", "scorers", "__init__", "test99", "", "../metrics", "test04.plan", "Test04"]
)
def test_nothing_else_is_one(name: str) -> None:
    assert audits.get(name) is None


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_are_frozen_closed_and_have_defaults(name: str) -> None:
    test = found(name)
    assert issubclass(test.Params, AuditParams)
    assert test.TITLE
    assert "test" not in test.Params.model_fields, "the config's key `test` names the audit"
    assert all(field.description for field in test.Params.model_fields.values())
    params = test.Params()
    with pytest.raises(ValueError, match="frozen"):
        setattr(params, next(iter(test.Params.model_fields)), 1)
    with pytest.raises(ValueError, match="not permitted"):
        test.Params.model_validate({"no_such_setting": 1})


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_survive_the_effective_config(name: str) -> None:
    test = found(name)
    assert test.Params(**test.Params().model_dump(mode="json")) == test.Params()


@pytest.mark.parametrize("name", NAMES)
def test_it_plans_runs_with_labels_of_their_own_and_plans_the_same_again(name: str) -> None:
    test = found(name)
    params = test.Params(**NEEDED.get(name, {}))
    specs = test.plan(params, 1000, load_of())
    labels = [spec.label for spec in specs]
    assert "reference" not in labels[1:]
    assert len(set(labels)) == len(labels)
    assert "warmup" not in labels
    assert all(spec.queries >= 1 for spec in specs)
    assert test.plan(params, 1000, load_of()) == specs


@pytest.mark.parametrize("name", NAMES)
def test_without_runs_it_says_nothing(name: str) -> None:
    test = found(name)
    verdict = test.judge(test.Params(), {})
    assert verdict.outcome is Outcome.INCONCLUSIVE
    json.dumps(verdict.to_json(), allow_nan=False)


DUMMY = """
TITLE = "a dummy"
from auditcube.audits.contract import REFERENCE, AuditParams, Outcome, Verdict
from auditcube.load.order import WithoutReplacement
from auditcube.load.schedule import RunSpec

class Params(AuditParams):
    wish: str = "none"

def plan(params, dataset_size, load):
    return (RunSpec(REFERENCE, WithoutReplacement(), load.min_queries),)

def judge(params, runs):
    return Verdict(Outcome.PASS, "fine", params.wish)
"""


@pytest.fixture
def dummy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One more file among the audits."""
    (tmp_path / "dummy.py").write_text(DUMMY)
    monkeypatch.setattr(audits, "__path__", [*audits.__path__, str(tmp_path)])
    yield "dummy"
    sys.modules.pop("auditcube.audits.dummy", None)
    audits.__dict__.pop("dummy", None)


def test_a_new_audit_test_is_one_new_file(dummy: str) -> None:
    assert audits.names() == sorted([*NAMES, dummy])
    test = found(dummy)
    assert test.TITLE == "a dummy"
    assert test.judge(test.Params(wish="this"), {}).reason == "this"


def test_a_verdict_as_json() -> None:
    verdict = Verdict(Outcome.FAIL, "caching", "It caches.", {"gain": 0.5}, (Remark("drift", "It drifts."),))
    assert verdict.to_json() == {
        "outcome": "FAIL",
        "code": "caching",
        "reason": "It caches.",
        "numbers": {"gain": 0.5},
        "remarks": [{"code": "drift", "text": "It drifts."}],
    }


def test_a_refusal_names_the_setting_or_else_means_the_load() -> None:
    assert (str(Refusal("too many", "samples")), Refusal("too many", "samples").key) == ("too many", "samples")
    assert Refusal("too fast").key is None
