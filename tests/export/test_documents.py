"""The forms that are one document, read by the public libraries of their formats."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from auditcube.export.documents import in_toto, minimal, slsa
from auditcube.export.source import Source
from auditcube.manifest import schema
from export.sources import LEAST, SIDECAR, WHOLE, source
from manifest.examples import FULL, HASH, ISSUE_367, UUID

BOTH = pytest.mark.parametrize("given", [LEAST, WHOLE], ids=["least", "whole"])


def only(files: Any) -> Any:
    """The one document of a form."""
    (content,) = files.values()
    return json.loads(content)


def statement_of(value: Any) -> Statement:
    """As the public library reads it; refuses members that it does not know."""
    statement = Statement([], "", {})
    json_format.ParseDict(value, statement.pb)
    statement.validate()
    return statement


@BOTH
def test_the_minimum_is_a_strict_subset(given: Source) -> None:
    found = only(minimal(given))
    assert set(found) == set(ISSUE_367)
    assert set(found["provenance"]) == set(ISSUE_367["provenance"])
    assert [set(ref) for ref in found["dataset_refs"]] == [set(ISSUE_367["dataset_refs"][0])]
    assert schema.problems(found) == []
    for name, value in found.items():
        told = given.manifest[name]
        assert value == told or (name in ("provenance", "dataset_refs") and subset(value, told))


def subset(value: Any, of: Any) -> bool:
    if isinstance(value, list):
        return len(value) == len(of) and all(subset(*pair) for pair in zip(value, of, strict=True))
    return bool(value.items() <= of.items())


@BOTH
def test_a_statement_about_the_sidecar_and_its_files(given: Source) -> None:
    statement = statement_of(only(in_toto(given)))
    subjects = {subject.name: subject.digest["sha256"] for subject in statement.pb.subject}
    files = {entry["path"]: entry["digest"]["sha256"] for entry in given.manifest.get("artifacts", ())}
    assert subjects == {SIDECAR: hashlib.sha256(given.data).hexdigest(), **files}
    assert statement.pb.predicate_type == "urn:mlcube:schema:run_audit:v1"


@BOTH
def test_slsa_provenance_is_what_in_toto_says_it_is(given: Source) -> None:
    statement = statement_of(only(slsa(given)))
    assert statement.pb.predicate_type == "https://slsa.dev/provenance/v1"
    predicate = json_format.MessageToDict(statement.pb.predicate)
    provenance = json_format.ParseDict(predicate, provenance_pb2.Provenance())
    assert provenance.build_definition.build_type == "urn:mlcube:build_type:run_audit:v1"
    assert provenance.run_details.builder.id == f"urn:mlcube:runner:{given.manifest['runner']}"
    for dependency in provenance.build_definition.resolved_dependencies:
        ResourceDescriptor.copy_from_pb(dependency).validate()
        assert len(dependency.digest) == 1


def test_what_is_known_of_the_task_is_in_the_provenance() -> None:
    manifest = FULL | {
        "mlcube_config_hash": f"sha256:{HASH}",
        "provenance": FULL["provenance"] | {"repo": "https://github.com/org/repo", "commit": "c0ffee0"},
    }
    predicate = only(slsa(source(manifest)))["predicate"]
    assert predicate["runDetails"]["metadata"]["invocationId"] == f"urn:uuid:{UUID}"
    assert predicate["runDetails"]["builder"]["version"] == {"auditcube": "1"}
    dependencies = predicate["buildDefinition"]["resolvedDependencies"]
    assert dependencies[0] == {
        "name": "source",
        "uri": "git+https://github.com/org/repo@c0ffee0",
        "digest": {"gitCommit": "c0ffee0"},
    }
    kinds = [entry["annotations"]["kind"] for entry in dependencies if "annotations" in entry]
    assert kinds == [
        *("manifest_digest", "index_digest", "config_digest", "repo_digest", "sif_sha256", "squashfs_sha256"),
        "dataset",
    ]
    assert [entry["name"] for entry in dependencies[-3:]] == ["mlcube.yaml", "...", "sidecar of run_reference"]


def test_what_is_unknown_is_left_out() -> None:
    manifest = ISSUE_367 | {"provenance": {"repo": "unknown", "commit": "unknown", "created_at": "..."}}
    predicate = only(slsa(source(manifest)))["predicate"]
    assert predicate["buildDefinition"]["resolvedDependencies"] == []
    assert predicate["runDetails"] == {"builder": {"id": "urn:mlcube:runner:docker"}, "metadata": {}}
