"""A job: a config with everything that follows from it before the first request: samples, audits, planned runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from auditcube import adapters, audits, croissant
from auditcube.adapters.contract import Adapter
from auditcube.audits.contract import REFERENCE, AuditTest, Refusal
from auditcube.config import DatasetConfig, JobConfig, load_config
from auditcube.dataset import Dataset, load_dataset
from auditcube.document import Document
from auditcube.load.order import Order, Probe, Salted, Single, Waves, WithoutReplacement, WithReplacement
from auditcube.load.schedule import Load, RunSpec, Schedule, Seeds
from auditcube.load.share import Endpoint
from auditcube.load.target import Target
from auditcube.scenario import Scenario

WARMUP = "warmup"


@dataclass(frozen=True)
class Audit:
    """One audit of a job."""

    test_id: str
    test: AuditTest
    params: Any


@dataclass(frozen=True)
class Plan:
    """The audits and the runs they need, each run once, in the order in which they are made: the reference first."""

    config: JobConfig
    load: Load
    dataset_size: int
    audits: tuple[Audit, ...]
    runs: tuple[RunSpec, ...]

    def schedule(self, spec: RunSpec) -> Schedule:
        return Schedule(spec, replace(self.load, config_sha256=self.config_sha256), self.dataset_size)

    @property
    def parameters(self) -> dict[str, Any]:
        """What is sent with every request besides its row."""
        endpoint = self.config.endpoint
        return {**adapters.get(endpoint.api).defaults, **endpoint.parameters}

    def effective(self) -> dict[str, Any]:
        """The config with every default resolved; reading it back gives the same plan. Holds no secret."""
        config = self.config
        parameters = self.parameters
        data = config.model_dump(mode="json")
        data["endpoint"]["url"] = self._told_urls()
        data["endpoint"]["parameters"] = {name: parameters[name] for name in sorted(parameters)}
        # Where files lay is the submitter's own business.
        data["dataset"]["path"] = Path(config.dataset.path).name
        if config.dataset.croissant is not None:
            data["dataset"]["croissant"] = Path(config.dataset.croissant).name
        if config.endpoint.ca_file is not None:
            data["endpoint"]["ca_file"] = Path(config.endpoint.ca_file).name
        if config.endpoint.tokenizer is not None:
            data["endpoint"]["tokenizer"] = Path(config.endpoint.tokenizer).name
        data["load"]["max_in_flight"] = self.load.max_in_flight
        data["audits"] = [{"test": a.test_id, **a.params.model_dump(mode="json")} for a in self.audits]
        return data

    def _told_urls(self) -> str | list[str]:
        """The URLs as config.yaml tells them: a stand-in for each, in the domain that is nobody's (RFC 6761), unless
        the config allows to publish them. Of a stand-in it is the same again."""
        endpoint = self.config.endpoint
        if endpoint.publish_url:
            return endpoint.url
        schemes = (url.partition("://")[0] for url in endpoint.urls)
        lead = {"http+unix": "http+unix://%2F"}
        urls = [f"{lead.get(scheme, f'{scheme}://')}endpoint-{n}.invalid" for n, scheme in enumerate(schemes, 1)]
        return urls[0] if isinstance(endpoint.url, str) else urls

    @cached_property
    def config_sha256(self) -> str:
        """Of config.yaml; every file of events repeats it, so that no other config can be put beside them."""
        return hashlib.sha256(self.effective_yaml()).hexdigest()

    def effective_yaml(self) -> bytes:
        """The file config.yaml."""
        # Escapes, not `allow_unicode`: PyYAML writes U+0085 and its like so that it cannot read them back.
        text = yaml.safe_dump(self.effective(), sort_keys=False, width=120)
        return f"# The effective configuration, written by auditcube; every default is spelled out.\n{text}".encode()


@dataclass(frozen=True)
class Job:
    """A plan with the samples it asks for and the endpoint it asks."""

    plan: Plan
    dataset: Dataset
    endpoint: Endpoint


def read_job(config_path: Path, dataset_path: Path | None, environ: Mapping[str, str]) -> Job:
    """The job in a config file; `dataset_path` replaces the one it names. Raises InvalidInput. Sends nothing."""
    config, document = load_config(config_path, environ)
    config = _with_tokenizer(config, document, config_path.parent)
    adapter = _checked_adapter(config, document)
    path = dataset_path or config_path.parent / config.dataset.path
    dataset = load_dataset(
        path,
        adapter.columns,
        adapter.one_of,
        samples=config.dataset.samples,
        rename=config.dataset.columns,
        expected=config.dataset.expected,
    )
    config = _with_croissant(config, document, config_path.parent, dataset.sha256)
    _check_key(config.endpoint.api_key_env, document, environ)
    plan = make_plan(config, document, len(dataset.samples))
    return Job(plan, dataset, _endpoint(config, adapter, plan.parameters, config_path.parent))


def _with_tokenizer(config: JobConfig, document: Document, folder: Path) -> JobConfig:
    """The config with the digest of the tokenizer that it names. Raises InvalidInput if it has another one."""
    endpoint = config.endpoint
    if endpoint.tokenizer is None:
        return config
    path = folder / endpoint.tokenizer
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as problem:
        raise document.invalid(("endpoint", "tokenizer"), f"{path}: {problem.strerror}") from problem
    if endpoint.tokenizer_sha256 not in (None, found):
        raise document.invalid(("endpoint", "tokenizer_sha256"), f"{path} has the digest {found}")
    return config.model_copy(update={"endpoint": endpoint.model_copy(update={"tokenizer_sha256": found})})


def described(dataset: DatasetConfig) -> dict[str, Any]:
    """What a config says of its data set beside name and origin, as members of the sidecar's reference to it."""
    told = {"version": dataset.version, "split": dataset.split, "license": dataset.license}
    known: dict[str, Any] = {name: text for name, text in told.items() if text is not None}
    return known | ({"croissant": {"sha256": dataset.croissant_sha256}} if dataset.croissant_sha256 else {})


def _with_croissant(config: JobConfig, document: Document, folder: Path, sha256: str) -> JobConfig:
    """The config with what a Croissant file says of the data set and the config does not.

    Raises InvalidInput for another Croissant file than it names, and for one of other files than the data set's.
    """
    told = config.dataset
    if told.croissant is None:
        if told.croissant_sha256 is not None:
            raise document.invalid(("dataset", "croissant_sha256"), "there is no dataset.croissant that could have it")
        return config
    found = croissant.read(folder / told.croissant)
    if told.croissant_sha256 not in (None, found.sha256):
        raise document.invalid(("dataset", "croissant_sha256"), f"{told.croissant} has the digest {found.sha256}")
    if found.files and sha256 not in found.files:
        text = f"describes {len(found.files)} files by their sha256, and the data set is none of them"
        raise document.invalid(("dataset", "croissant"), text)
    untold = {name for name in ("id", "provenance") if name not in told.model_fields_set}
    filled = {
        "id": found.name if "id" in untold else None,
        "provenance": found.url if "provenance" in untold else None,
        "version": None if told.version else found.version,
        "license": None if told.license else found.license,
        "croissant_sha256": found.sha256,
    }
    update = {name: value for name, value in filled.items() if value is not None}
    return config.model_copy(update={"dataset": told.model_copy(update=update)})


def runs_of(task: str, plan: Plan) -> tuple[RunSpec, ...]:
    """The runs that a task makes, in their order; it stops after one that broke off, warm-up aside."""
    if task == "run_reference":
        return tuple(spec for spec in plan.runs if spec.label in (WARMUP, REFERENCE))
    return tuple(spec for spec in plan.runs if task == "audit" or spec.label != REFERENCE)


def _endpoint(config: JobConfig, adapter: Adapter, parameters: Mapping[str, Any], folder: Path) -> Endpoint:
    endpoint = config.endpoint
    ca_file = None if endpoint.ca_file is None else str((folder / endpoint.ca_file).absolute())
    path = endpoint.path or adapter.path
    return Endpoint(
        targets=tuple(Target(url, path, ca_file) for url in endpoint.urls),
        api=endpoint.api,
        model=endpoint.model,
        parameters=parameters,
        api_key_env=endpoint.api_key_env,
        timeout_s=endpoint.timeout_s,
        balance=endpoint.balance,
        max_answer_bytes=endpoint.max_answer_bytes,
        retries=endpoint.retries,
        warm_connections=endpoint.warm_connections,
        chunk_times=endpoint.chunk_times,
        tokenizer=None if endpoint.tokenizer is None else str((folder / endpoint.tokenizer).absolute()),
        cpus=config.load.cpus,
    )


def make_plan(config: JobConfig, document: Document, dataset_size: int) -> Plan:
    """The runs that a config asks for. Raises InvalidInput for parameters or a load that an audit refuses."""
    adapter = _checked_adapter(config, document)
    load = _load(config, _order(config, document, dataset_size))
    made = tuple(_audit(config, document, number) for number in range(len(config.audits)))
    runs: dict[str, RunSpec] = {}
    if load_warmup := config.load.warmup_queries:
        runs[WARMUP] = RunSpec(WARMUP, Salted(), load_warmup)
    if not made:
        runs[REFERENCE] = load.performance(REFERENCE)
    for number, audit in enumerate(made):
        if any(other.test_id == audit.test_id and other.params != audit.params for other in made[:number]):
            text = f"{audit.test_id} stands twice, with other settings; there is one verdict for each audit"
            raise document.invalid(("audits", number), text)
        for spec in _runs_of(audit, document, number, dataset_size, load):
            if isinstance(spec.order, (Probe, Waves)) and not adapter.varies:
                text = f"{audit.test_id}: no request of {config.endpoint.api} is new for sure, which it needs"
                raise document.invalid(("audits", number), text)
            shared = _shared(runs.get(spec.label, spec), spec)
            if shared is None:
                text = f"plans another {spec.label} run than an audit before it; give both the same settings"
                raise document.invalid(("audits", number), text)
            runs[spec.label] = shared
    # The reference first, whatever the audits' order: what others leave in a cache would make it faster than it is.
    first = [runs.pop(label) for label in (WARMUP, REFERENCE) if label in runs]
    return Plan(config, load, dataset_size, made, (*first, *runs.values()))


def _shared(one: RunSpec, other: RunSpec) -> RunSpec | None:
    """The run that serves two audits, or None if none does. Rows that one of them wants in the middle of the run are
    nothing to the other if it wants none there."""
    for spec, plain in ((one, other), (other, one)):
        order = spec.order
        if isinstance(order, WithoutReplacement) and plain.order == WithoutReplacement():
            plain = replace(plain, order=order)
        if spec == plain:
            return spec
    return None


def _checked_adapter(config: JobConfig, document: Document) -> Adapter:
    if config.endpoint.api not in (known := adapters.names()):
        raise document.invalid(("endpoint", "api"), f"{config.endpoint.api!r} is not known; use {', '.join(known)}")
    adapter = adapters.get(config.endpoint.api)
    if (problem := adapter.check_parameters(config.endpoint.parameters)) is not None:
        raise document.invalid(("endpoint", "parameters"), problem)
    if config.endpoint.tokenizer is not None and not adapter.textual:
        raise document.invalid(("endpoint", "tokenizer"), f"answers of {config.endpoint.api} have no tokens to count")
    if config.endpoint.tokenizer is None and config.endpoint.tokenizer_sha256 is not None:
        raise document.invalid(("endpoint", "tokenizer_sha256"), "there is no endpoint.tokenizer that could have it")
    return adapter


def _check_key(name: str | None, document: Document, environ: Mapping[str, str]) -> None:
    """A variable that is not set means no key; one that cannot be sent in a header is a mistake."""
    key = environ.get(name, "") if name else ""
    if not all("!" <= character <= "~" for character in key):
        text = f"the variable {name} holds a blank, a line break or a character that no header can carry"
        raise document.invalid(("endpoint", "api_key_env"), text)


def _order(config: JobConfig, document: Document, dataset_size: int) -> Order:
    """The order of a performance run."""
    load = config.load
    if load.order != "single":
        return WithReplacement() if load.order == "with_replacement" else WithoutReplacement()
    if load.sample_index >= dataset_size:
        text = f"is {load.sample_index}, but the data set has rows 0 to {dataset_size - 1}"
        raise document.invalid(("load", "sample_index"), text)
    return Single(load.sample_index)


def _load(config: JobConfig, order: Order) -> Load:
    load = config.load
    together = config.max_in_flight if config.scenario is Scenario.MULTI_STREAM else None
    return Load(
        scenario=config.scenario,
        max_in_flight=config.max_in_flight,
        target_qps=load.target_qps,
        min_queries=load.min_queries,
        min_duration_s=load.min_duration_s,
        max_duration_s=load.max_duration_s,
        workers=load.workers,
        seeds=Seeds(load.seeds.order, load.seeds.arrival, load.seeds.capture),
        samples_per_query=together or 1,
        max_slip_s=load.max_slip_s,
        target_latency_s=load.target_latency_s,
        target_latency_percentile=load.target_latency_percentile,
        ttft_latency_s=load.ttft_latency_s,
        tpot_latency_s=load.tpot_latency_s,
        tokenizer_sha256=config.endpoint.tokenizer_sha256,
        order=order,
        capture=load.capture,
    )


def _audit(config: JobConfig, document: Document, number: int) -> Audit:
    entry = config.audits[number]
    test = audits.get(entry.test)
    if test is None:
        known = ", ".join(audits.names())
        raise document.invalid(("audits", number, "test"), f"{entry.test!r} is not an audit; there are: {known}")
    return Audit(entry.test, test, document.build(test.Params, entry.model_extra or {}, ("audits", number)))


def _runs_of(audit: Audit, document: Document, number: int, size: int, load: Load) -> tuple[RunSpec, ...]:
    try:
        return audit.test.plan(audit.params, size, load)
    except Refusal as refusal:
        at = ("audits", number) if refusal.key is None else ("audits", number, refusal.key)
        raise document.invalid(at, f"{audit.test_id}: {refusal}" if refusal.key is None else str(refusal)) from refusal
