"""The job: what to load, how, and which audits to make of it. Frozen models, closed: an unknown key is an error."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auditcube.document import Document, read_document
from auditcube.errors import InvalidInput
from auditcube.presets import PRESETS, PresetName
from auditcube.scenario import Scenario

Seed = Annotated[int, Field(ge=0, lt=2**64)]
_SECRET_NAME = re.compile(r"(?i)(api[_-]?key|authorization|password|passwd|secret|token)$")


class Model(BaseModel):
    """Immutable, strict, and closed: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class EndpointConfig(Model):
    """The system under test."""

    url: str | list[str] = Field(
        description="scheme://host[:port][/prefix], or http+unix://%2Fpath%2Fof%2Fsocket; a list: several ways to it"
    )
    publish_url: bool = Field(
        default=False,
        description="true: config.yaml and the report tell the URL; false: stand-ins, and a salted digest",
    )
    api: str = Field(description="videogen | openai_chat | openai_completions | predict")
    path: str | None = Field(default=None, description="the request path, where it is not the API's usual one")
    model: str | None = Field(default=None, description="sent as `model`; left out when null")
    api_key_env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="name of the variable that holds the key, never the key",
    )
    ca_file: str | None = Field(default=None, description="PEM file of the CAs to trust for https; null: the system's")
    timeout_s: float = Field(default=3600.0, gt=0, description="a query without a complete answer by then has failed")
    balance: Literal["round_robin", "least_in_flight"] = Field(
        default="round_robin", description="which of several URLs a query takes: each in turn, or the least busy"
    )
    max_answer_bytes: int = Field(default=2**25, ge=1, description="a larger answer is an error; bounds our memory")
    retries: int = Field(
        default=0, ge=0, le=100, description="times an answer 429 or 503 is tried again; the query's clock goes on"
    )
    warm_connections: bool = Field(
        default=True, description="open the connections of the first queries before the clock starts"
    )
    chunk_times: bool = Field(default=False, description="record when each streamed chunk came (chunks.jsonl)")
    tokenizer: str | None = Field(
        default=None,
        description="tokenizer.json that counts the tokens of answers (extra `tokenizer`); null: the server's usage",
    )
    tokenizer_sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="digest that the tokenizer must have; null: any, recorded"
    )
    parameters: Mapping[str, Any] = Field(
        default={}, description="sent with every request; a row of the data set may override"
    )

    @property
    def urls(self) -> tuple[str, ...]:
        """All URLs, one or more."""
        return (self.url,) if isinstance(self.url, str) else tuple(self.url)

    @field_validator("url", mode="before")
    @classmethod
    def _plain_urls(cls, url: Any) -> Any:
        urls = [url] if isinstance(url, str) else url
        if not isinstance(urls, list) or not all(isinstance(each, str) for each in urls):
            raise ValueError("a URL, or a list of URLs, is wanted")
        if not urls or len(set(urls)) != len(urls):
            raise ValueError("at least one URL is wanted, and none twice")
        for each in urls:
            _check_url(each)
        return url

    @field_validator("path")
    @classmethod
    def _absolute_path(cls, path: str | None) -> str | None:
        if path is not None and not re.fullmatch(r"/[!-~]*", path.replace("#", " ")):
            raise ValueError("a path that starts with / and holds printable ASCII, no fragment, is wanted")
        for name, _ in parse_qsl(urlsplit(path or "").query, keep_blank_values=True):
            if _SECRET_NAME.search(name):
                raise ValueError(f"{name} looks like a secret; name its variable in endpoint.api_key_env instead")
        return path

    @field_validator("parameters")
    @classmethod
    def _sendable(cls, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, value in parameters.items():
            _check_parameter(name, value)
        return parameters


def _check_url(url: str) -> None:
    """Raises ValueError, without the URL, for what is none or holds what has no place in one."""
    wanted = "scheme://host[:port][/prefix] is wanted, with http or https; or http+unix://%2Fpath%2Fof%2Fthe.socket"
    if "@" in url:  # also behind the host: a password may hold a slash
        raise ValueError("credentials do not belong in a URL; name their variable in endpoint.api_key_env")
    try:
        parts = urlsplit(url)
        if parts.scheme == "http+unix":
            good = unquote(parts.netloc).startswith("/")
        else:
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            if "[" in parts.netloc:
                IPv6Address(parts.hostname or "")  # Python looks at it from 3.11.4 on only
    except ValueError:
        raise ValueError(wanted) from None  # its own text repeats parts of the URL
    if not good or re.search(r"[^!-~]", url):
        raise ValueError(wanted)
    if "?" in url or "#" in url:
        raise ValueError("a query or fragment cannot be part of the endpoint's URL")


def _check_parameter(name: str, value: Any) -> None:
    """Raises ValueError, without the value, for what looks like a secret or is no JSON; `name` is its dotted path."""
    if _SECRET_NAME.search(name):
        raise ValueError(f"{name} looks like a secret; name its variable in endpoint.api_key_env instead")
    if isinstance(value, dict):
        for key, member in value.items():
            _check_parameter(f"{name}.{key}", member)
    elif isinstance(value, list):
        for number, member in enumerate(value):
            _check_parameter(f"{name}[{number}]", member)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: JSON has no infinity and no NaN")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise ValueError(f"{name}: an integer of at most 64 bits is wanted")
    elif not isinstance(value, (str, int, float, bool, type(None))):
        raise ValueError(f"{name}: JSON has no {type(value).__name__}; put it in quotes if it is text")


class DatasetConfig(Model):
    """What is asked."""

    path: str = Field(description=".jsonl, .csv or .parquet; relative to this file")
    id: str = Field(default="unnamed", min_length=1, description="the data set's name in the manifest")
    provenance: str = Field(default="unknown", min_length=1, description="where it came from, for the manifest")
    version: str | None = Field(default=None, min_length=1, description="its version, for the manifest")
    license: str | None = Field(default=None, min_length=1, description="its license, for the manifest")
    split: str | None = Field(default=None, min_length=1, description="which part of it this is, for the manifest")
    croissant: str | None = Field(
        default=None, description="a Croissant file about it, which tells what is not told here; relative to this file"
    )
    croissant_sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="the digest that the Croissant file must have"
    )
    samples: int | None = Field(default=None, ge=1, description="use the first n rows; null: all")
    columns: Mapping[str, str | None] = Field(
        default={}, description="column -> request field; null leaves a column out"
    )
    expected: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="columns that scorers get: answers, labels; not sent unless the API knows them",
    )


class SeedsConfig(Model):
    """One seed per dimension: changing one moves nothing that the others determine."""

    order: Seed = 42
    arrival: Seed = 42
    capture: Seed = 42


class LoadConfig(Model):
    """How it is asked."""

    max_in_flight: int | None = Field(
        default=None, ge=1, description="queries under way at once; null: the scenario's default"
    )
    preset: PresetName | None = Field(
        default=None,
        description="MLPerf's floors and seeds of a round, for what is not set here; see docs/configuring.md",
    )
    target_qps: float | None = Field(default=None, gt=0, description="Poisson arrival rate; Server only")
    target_latency_s: float | None = Field(default=None, gt=0, description="Server's bound on latency; null: none")
    ttft_latency_s: float | None = Field(default=None, gt=0, description="bound on the time to the first token")
    tpot_latency_s: float | None = Field(default=None, gt=0, description="bound on the time per further token")
    target_latency_percentile: float = Field(
        default=99.0, gt=0, lt=100, description="share of queries, in percent, that must keep the bounds"
    )
    max_slip_s: float = Field(
        default=0.01, gt=0, description="Server: a run whose 99th percentile of issuing late is larger is INCONCLUSIVE"
    )
    order: Literal["without_replacement", "with_replacement", "single"] = Field(
        default="without_replacement", description="which rows a performance run asks for"
    )
    sample_index: int = Field(default=0, ge=0, description="the row that `order: single` repeats")
    min_queries: int = Field(default=100, ge=1, description="queries of a performance run")
    min_duration_s: float = Field(
        default=0.0, ge=0, description="a performance run lasts at least this long (MLPerf: 600)"
    )
    max_duration_s: float = Field(default=14400.0, gt=0, description="every run ends here, whatever is still in flight")
    warmup_queries: int = Field(default=0, ge=0, description="salted queries before the first run; never measured")
    capture: float = Field(default=0.0, ge=0, le=1, description="share of a performance run's outputs to keep")
    workers: int = Field(default=1, ge=1, le=256, description="load-generating processes")
    cpus: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        default=None, strict=False, min_length=1, description="CPUs to pin the workers to, in turn; null: not pinned"
    )
    seeds: SeedsConfig = Field(default=SeedsConfig(), description="schedules follow from these alone")


class AuditEntry(BaseModel):
    """One audit: `test` names it, the other keys are its own parameters and checked by it."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    test: str


class JobConfig(Model):
    """A whole config file."""

    benchmark: str = Field(min_length=1, description="what is benchmarked, for the manifest")
    scenario: Scenario = Field(strict=False, description="Offline | SingleStream | MultiStream | Server")
    endpoint: EndpointConfig
    dataset: DatasetConfig
    load: LoadConfig = LoadConfig()
    audits: tuple[AuditEntry, ...] = Field(
        default=(), strict=False, description="the audits to make, each with its parameters"
    )
    claim_status: Literal["diagnostic", "internal", "public"] = "diagnostic"

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, data: Any) -> Any:
        """What a preset sets and the file does not."""
        if not isinstance(data, dict) or not isinstance(load := data.get("load"), dict):
            return data
        preset = PRESETS.get(str(load.get("preset")))
        try:
            scenario = Scenario(data.get("scenario"))
        except ValueError:
            return data  # told by the field itself
        if preset is None:
            return data
        return {**data, "load": {**preset.load(scenario, load.get("max_in_flight")), **load}}

    @model_validator(mode="after")
    def _consistent(self) -> JobConfig:
        load, scenario = self.load, self.scenario
        bounds = ("target_latency_s", "ttft_latency_s", "tpot_latency_s")
        if not scenario.paced and (named := next((b for b in bounds if getattr(load, b) is not None), None)):
            raise ValueError(f"load.{named}: only Server has a bound on latency; leave it out in {scenario.value}")
        if scenario is Scenario.MULTI_STREAM and load.workers > 1:
            raise ValueError("load.workers: MultiStream has one worker, since the samples of a query go together")
        if scenario.paced and load.target_qps is None:
            raise ValueError(f"load.target_qps: scenario {scenario.value} needs an arrival rate")
        if not scenario.paced and load.target_qps is not None:
            raise ValueError(f"load.target_qps: only Server has an arrival rate; leave it out in {scenario.value}")
        if scenario is Scenario.SINGLE_STREAM and load.max_in_flight not in (None, 1):
            raise ValueError("load.max_in_flight: SingleStream has one query in flight")
        bound = self.max_in_flight
        if bound is not None and load.workers > bound:
            raise ValueError(f"load.workers: {load.workers} workers cannot share {bound} queries in flight")
        if load.min_duration_s > load.max_duration_s:
            raise ValueError("load.min_duration_s: longer than load.max_duration_s, so no run could last that long")
        return self

    @property
    def max_in_flight(self) -> int | None:
        """The bound in force: the config's, else the scenario's."""
        return self.load.max_in_flight or self.scenario.default_in_flight


def load_config(
    path: Path, environ: Mapping[str, str] | None = os.environ, data: bytes | None = None
) -> tuple[JobConfig, Document]:
    """The job in a file, and the document for errors about parts that are checked later (the audits' parameters).

    `data` is read as if it were the file's content.
    """
    document = read_document(path, environ, data)
    if not isinstance(document.data, dict):
        raise InvalidInput(f"{path}: a mapping of keys is wanted; `auditcube init` writes a config")
    return document.build(JobConfig, document.data), document
