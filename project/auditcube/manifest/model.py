"""The sidecar as types, for code that reads one. What is valid, lengths and patterns too, is said by the schema alone.

A test holds both against each other: the same members, the same ones required, and whatever the schema accepts has a
place here and comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["safe_for_public_log", "redacted", "contains_findings", "not_scanned"]


class Part(BaseModel):
    """A closed object; members that are absent are None, but for those that may be null."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Digest(Part):
    sha256: str


class DirectoryDigest(Part):
    dirHash1: str


class Tool(Part):
    name: str
    version: str
    commit: str


class Provenance(Part):
    repo: str
    commit: str
    created_at: str
    dirty: bool | None = None
    diff: Digest | None = None
    tool: Tool | None = None


class DatasetRef(Part):
    source_id: str
    kind: str
    provenance: str
    redaction_status: Status
    digest: Digest | None = None
    directory_digest: DirectoryDigest | None = None
    size: int | None = None
    format: str | None = None
    version: str | None = None
    split: str | None = None
    license: str | None = None
    croissant: Digest | None = None
    rows: int | None = None
    samples: int | None = None


class Original(Part):
    manifest_sha256: str
    run_id: str | None = None


class Withheld(Part):
    path: str
    rule: str
    length: int
    commitment: Digest
    line: int | None = None
    pointer: str | None = None


class Redaction(Part):
    policy: str
    policy_version: str
    rules_digest: Digest
    unscanned: list[str]
    findings: dict[str, int]
    original: Original | None = None
    withheld: list[Withheld] | None = None


Resolver = Literal["runner", "container", "host"]


class Resolvers(Part):
    config_digest: Resolver | None = None
    manifest_digest: Resolver | None = None
    index_digest: Resolver | None = None
    repo_digests: Resolver | None = None
    sif_sha256: Resolver | None = None
    squashfs_sha256: Resolver | None = None


class ImageIdentity(Part):
    reference: str
    platform: str
    resolved_by: Literal["runner", "runtime", "host"]
    marks: list[str]
    contradictions: list[str]
    image_platform: str | None = None
    resolvers: Resolvers | None = None
    unknown: list[str] | None = None
    config_digest: Digest | None = None
    manifest_digest: Digest | None = None
    index_digest: Digest | None = None
    repo_digests: list[Digest] | None = None
    sif_sha256: str | None = None
    squashfs_sha256: str | None = None

    @property
    def has_digest(self) -> bool:
        """Whether any digest names the image, of whichever kind."""
        of_registry = (self.config_digest, self.manifest_digest, self.index_digest, self.repo_digests)
        return any((*of_registry, self.sif_sha256, self.squashfs_sha256))


class EndpointIdentity(Part):
    endpoints: int
    salt: str
    sha256: str
    urls: list[str] | None = None


class TaskStatus(Part):
    state: Literal["completed", "failed", "aborted", "unknown"]
    exit_code: int


class ConfigHashes(Part):
    mlcube_yaml: str | None = None
    effective_config: str | None = None


class Artifact(Part):
    role: str
    path: str
    size: int
    media_type: str
    digest: Digest
    digest_jcs: Digest | None = None


class Seeds(Part):
    order: str | None = None
    arrival: str | None = None
    capture: str | None = None


class Fabric(Part):
    state: Literal["not_started", "in_progress", "completed"]
    domain: int | None = None
    clique: int | None = None


class Gpu(Part):
    name: str | None = None
    memory_bytes: int | None = None
    compute_capability: str | None = None
    mig: bool | None = None
    fabric: Fabric | None = None


class Cpu(Part):
    model: str | None = None
    sockets: int | None = None
    cores: int | None = None
    numa_nodes: int | None = None


class Slurm(Part):
    nodes: int | None = None
    tasks: int | None = None
    tasks_per_node: str | None = None
    cpus_per_task: int | None = None
    cpus_per_node: str | None = None
    threads_per_core: int | None = None
    memory_per_node_mib: int | None = None
    memory_per_cpu_mib: int | None = None
    gpus: str | None = None
    gpus_per_node: str | None = None
    gpus_per_task: str | None = None
    gpus_on_node: int | None = None
    step_nodes: int | None = None
    step_tasks: int | None = None
    restarts: int | None = None


class Environment(Part):
    python: str | None = None
    system: str | None = None
    machine: str | None = None
    kernel: str | None = None
    page_bytes: int | None = None
    cpu_count: int | None = None
    cpus_usable: int | None = None
    cpu_limit_millicpus: int | None = None
    cpu: Cpu | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    gpu_driver: str | None = None
    cuda: str | None = None
    gpus: list[Gpu] | None = None
    slurm: Slurm | None = None
    variables: dict[str, str] | None = None
    withheld: list[str] | None = None


class Parent(Part):
    task: str
    manifest_sha256: str
    run_id: str | None = None


class Remark(Part):
    code: str
    text: str


class Verdict(Part):
    test: str
    outcome: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    code: str
    reason: str
    numbers: dict[str, float | int | str | bool | None]
    remarks: list[Remark]


class Source(Part):
    path: str
    json_pointer: str


class Headline(Part):
    metric: str
    value: str
    unit: str
    source: Source


class RunAudit(Part):
    """A whole sidecar."""

    schema_version: Literal["mlcube.run_audit.v1"]
    mlcube_task: str
    runner: str
    image: str
    mlcube_config_hash: str
    benchmark: str
    dataset_refs: list[DatasetRef]
    result_paths: list[str]
    provenance: Provenance
    claim_status: Literal["diagnostic", "internal", "public"]
    redaction_status: Status
    redaction: Redaction | None = None
    image_identity: ImageIdentity | None = None
    endpoint_identity: EndpointIdentity | None = None
    run_id: str | None = None
    task_status: TaskStatus | None = None
    started_on: str | None = None
    finished_on: str | None = None
    monotonic_duration_ns: int | None = None
    config_hashes: ConfigHashes | None = None
    artifacts: list[Artifact] | None = None
    directory_digest: DirectoryDigest | None = None
    seeds: Seeds | None = None
    environment: Environment | None = None
    parents: list[Parent] | None = None
    verdicts: list[Verdict] | None = None
    headline: list[Headline] | None = None
    run_durations_ns: dict[str, int] | None = None
    non_claims: list[str] | None = None
    manifest_digest: Digest | None = None
    extensions: dict[str, Any] | None = None

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> RunAudit:
        """A manifest that the schema accepts, as types. Raises pydantic's ValidationError for another."""
        return cls.model_validate(manifest)
