"""A sidecar in the forms that others read. Each is a view: it says nothing that the sidecar does not, and less.

Every module has one function that takes a `Source` and returns the files of its form by relative path. Pure: reading,
and where the files go, is in `reviewing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from auditcube.export import crate, documents, mlperf
from auditcube.export.source import Files, Source


@dataclass(frozen=True)
class Format:
    """How a form is written: `into` is `file` for one document, `new` for a folder, `folder` for one that is there,
    `any` for either.

    What goes to a folder is meant for others, so that only a result that may be published goes there. `measured`: the
    form tells numbers, so that the result is verified first.
    """

    about: str
    into: str
    files: Callable[[Source], Files]
    measured: bool = False


FORMATS = {
    "minimal": Format("the minimal JSON of mlcommons/mlcube issue 367", "file", documents.minimal),
    "in-toto": Format("an in-toto Statement v1 with the manifest as predicate", "file", documents.in_toto),
    "slsa": Format("an in-toto Statement with SLSA provenance v1", "file", documents.slsa),
    "ro-crate": Format("a Process Run Crate: a new folder with the result in it", "new", crate.files),
    "mlperf-endpoints": Format(
        "server_configs/run_audit.json in a run folder of MLPerf Endpoints", "folder", mlperf.endpoints
    ),
    "mlperf-inference": Format(
        "a scenario's folder of MLPerf Inference, for endpoints", "any", mlperf.inference, measured=True
    ),
}
