"""A crate, read by the public library of RO-Crate and judged by the public validator for Process Run Crate 0.5."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import rocrate
from rocrate.rocrate import ROCrate
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

from auditcube.errors import InvalidInput
from auditcube.export.crate import files
from auditcube.export.source import Source
from export.sources import LEAST, SIDECAR, WHOLE, source
from manifest.examples import FULL, HASH, ISSUE_367

APACHE = "https://spdx.org/licenses/Apache-2.0"
LICENSED = Source(WHOLE.manifest, WHOLE.data, WHOLE.name, WHOLE.attachments, APACHE)
# What is recommended and not known to a sidecar: who ran the task, and who publishes its result.
UNKNOWN = {"process-run-crate-0.5_8.6", "ro-crate-1.1_22.2", "ro-crate-1.1_22.3"}
FAILED = source(dict(WHOLE.manifest) | {"task_status": {"state": "failed", "exit_code": 4}, "parents": []})


def write(given: Source, folder: Path) -> Path:
    for name, content in files(given).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else b"copied")
    return folder


def graph(given: Source) -> dict[str, Any]:
    content = files(given)["ro-crate-metadata.json"]
    assert isinstance(content, bytes)
    return {entity["@id"]: entity for entity in json.loads(content)["@graph"]}


class Context:
    """RO-Crate's context, which the validator would fetch; rocrate brings one that has all terms of 1.1."""

    status_code = 200
    headers = {"Content-Type": "application/ld+json"}
    text = (Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_text("utf-8")

    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(_: object, url: str, **__: object) -> Context:
        assert url == "https://w3id.org/ro/crate/1.1/context"
        return Context()

    monkeypatch.setattr(HttpRequester, "get", get, raising=False)


@pytest.mark.usefixtures("_no_network")
@pytest.mark.filterwarnings("ignore")  # of the validator's own libraries
@pytest.mark.parametrize("given", [LEAST, WHOLE, LICENSED, FAILED], ids=["least", "whole", "licensed", "failed"])
def test_the_validator_accepts_it(given: Source, tmp_path: Path) -> None:
    settings = services.ValidationSettings(
        rocrate_uri=str(write(given, tmp_path)),
        profile_identifier="process-run-crate-0.5",
        requirement_severity=models.Severity.RECOMMENDED if given is LICENSED else models.Severity.REQUIRED,
        skip_availability_check=True,
    )
    result = services.validate(settings)
    found = {issue.check.identifier: issue.message for issue in result.get_issues()}
    assert found.keys() <= (UNKNOWN if given is LICENSED else set()), found


@pytest.mark.parametrize("given", [LEAST, WHOLE], ids=["least", "whole"])
def test_the_library_reads_it(given: Source, tmp_path: Path) -> None:
    crate = ROCrate(write(given, tmp_path))
    assert {entity.id for entity in crate.data_entities} == {
        name for name in files(given) if name.startswith("result/")
    }
    action = crate.get("#run")
    assert action.type == "CreateAction"
    assert action["instrument"].type == "SoftwareApplication"
    assert action in crate.root_dataset["mentions"] or action == crate.root_dataset["mentions"]


def test_every_file_of_the_result_is_copied_and_described() -> None:
    copies = {name: content for name, content in files(WHOLE).items() if isinstance(content, PurePosixPath)}
    assert copies == {
        f"result/{name}": PurePosixPath(name)
        for name in (SIDECAR, "mlcube.run_audit.intoto.json", "runs/reference/events.jsonl")
    }
    entity = graph(WHOLE)["result/runs/reference/events.jsonl"]
    assert (entity["sha256"], entity["contentSize"], entity["encodingFormat"]) == (HASH, "3", "application/jsonl")


def test_inputs_and_image_are_named_by_digest() -> None:
    entities = graph(source(FULL | {"mlcube_config_hash": f"sha256:{HASH}"}))
    inputs = {entities[link["@id"]]["name"]: entities[link["@id"]]["sha256"] for link in entities["#run"]["object"]}
    assert inputs == {"...": HASH, "sidecar of run_reference": HASH, "mlcube.yaml": HASH}
    image = entities[entities["#run"]["containerImage"]["@id"]]
    assert (image["sha256"], image["description"]) == (HASH, "sha256 is its manifest_digest")


def test_a_crate_needs_a_time() -> None:
    with pytest.raises(InvalidInput, match="created_at is no time"):
        files(source(ISSUE_367))


def test_a_task_that_failed_says_so() -> None:
    action = graph(FAILED)["#run"]
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "failed, exit code 4"
