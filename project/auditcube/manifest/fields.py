"""What each member of a sidecar proves, what it does not, and which members nothing holds a forger to. Pure.

`docs/manifest.md` is made from this table, and the property test of the chain uses it: an edit of any member of the
last sidecar in a chain, with all digests made right again, must be found unless the member is in `NOT_COVERED`. An edit
of any other sidecar is always found, because the next one names it by its digest.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Field(NamedTuple):
    """A member by its pointer, `*` for every place in a list: what it says, proves and does not prove."""

    pointer: str
    says: str
    proves: str
    proves_not: str = ""


FIELDS: tuple[Field, ...] = (
    Field("/schema_version", "the format: `mlcube.run_audit.v1`", "which rules it must follow"),
    Field(
        "/mlcube_task", "the task; `record` and the tasks of somebody else's MLCube ([recording.md](recording.md))",
        "which files, runs and parents must be there",
    ),
    Field(
        "/runner", "docker, podman, singularity, enroot; `none` outside of a container",
        "that an audit ran under the same one as its reference", "which one it was: the runner tells it",
    ),
    Field(
        "/image", "the image as the runner named it", "that an audit ran in the same one as its reference",
        "what is in it: a name can be given to another image",
    ),
    Field(
        "/image_identity",
        "digests of the image by their kind, by whom, which are unknown: [image-identity.md](image-identity.md)",
        "that an audit ran in an image with the same digests as its reference",
        "that the runner told the right ones; a contradiction with the marks is recorded, its absence is no proof",
    ),
    Field(
        "/mlcube_config_hash", "sha256 of the bytes of mlcube.yaml, or `none`",
        "that it is the one in `config_hashes`, and the same for an audit and its reference where both were told it",
        "that this mlcube.yaml was used",
    ),
    Field(
        "/benchmark", "what was benchmarked", "that it is what config.yaml says",
        "that the endpoint runs that model",
    ),
    Field(
        "/dataset_refs",
        "id, origin, version, split, license, sha256, size, rows, samples in use; a Croissant file. Of a recorded task "
        "each input, by its parameter, with its sha256, or as a folder with its dirHash1",
        "that schedules follow from the samples in use, and that a chain has one data set throughout",
        "that the digest is of the official file (compare it), or that these rows were sent",
    ),
    Field("/result_paths", "the files that hold results", "that the task writes exactly these; recomputed"),
    Field(
        "/provenance",
        "repository, commit, dirty flag, digest of the difference, tool, time: [provenance.md](provenance.md)",
        "that tool, commit and time agree with the rest of the file",
        "that this commit ran: the build tells it",
    ),
    Field(
        "/claim_status", "diagnostic, internal or public",
        "`public`: PASS, a clean tree, an image digest, data set digests, a clean scan, runs of 600 s. No more than "
        "config.yaml asks for, whose digest every file of events repeats, and no more than any parent claims",
        "that the submitter means it",
    ),
    Field(
        "/redaction_status", "whether this file and all that it lists may be published ([redaction.md](redaction.md))",
        "that a scan by these rules comes to it; scanned again by `verify` and `manifest validate`",
        "that there is nothing private in a form that no rule knows",
    ),
    Field(
        "/redaction",
        "the scan: rules by version and digest, findings by rule; of a copy what it withholds, and its original",
        "that a scan with the same rules says the same", "anything about rules of another version",
    ),
    Field(
        "/endpoint_identity", "a salted digest of the endpoint's URLs; the URLs themselves where the config allows it",
        "that a chain asked one endpoint throughout; where URLs are published, that it is theirs",
        "what answered there; and whoever guesses the URL can check the guess",
    ),
    Field(
        "/run_id", "UUIDv7 of the task", "that every file of events is of this task",
        "of `verify`, `review` and `record`, which have no events, anything",
    ),
    Field(
        "/task_status", "state and exit code; `unknown`: the code says success, and nothing shows that the task ran",
        "that they follow from the events, or from record.json; recomputed",
        "that a recorded task did what it should: only that mlcube ended so, and that outputs were written",
    ),
    Field(
        "/started_on", "when the task began", "that the events lie within, that it is not before its parents' end, and "
        "for an audit not more than 24 h after it", "the time to better than 5 s, or that the clock was right",
    ),
    Field("/finished_on", "when it ended", "the same"),
    Field(
        "/monotonic_duration_ns", "how long it took, by the monotonic clock",
        "that it fits between the two, to 5 s", "anything more precise",
    ),
    Field("/config_hashes", "sha256 of config.yaml and mlcube.yaml", "that config.yaml is the file beside it"),
    Field(
        "/artifacts", "every file: role, path, size, media type, sha256, and of JSON also the digest of what it says",
        "in both directions: nothing is missing, changed or unlisted; a file that another tool wrote anew with the "
        "same values is told from one that says something else",
    ),
    Field(
        "/directory_digest", "one digest for all files: in-toto's dirHash1",
        "the same, with coreutils alone: see below",
    ),
    Field("/seeds", "seeds of order, arrival and capture, as decimal strings", "that the schedules follow from them"),
    Field(
        "/environment",
        "machine, processor, memory, limits, the client's GPUs, shape of the Slurm job, variables allowed by name",
        "nothing",
        "that it was this machine; and nothing about the endpoint's GPUs",
    ),
    Field(
        "/parents", "the sidecars that the task started from, by the sha256 of their bytes",
        "that no byte of them changed since: a changed one is another digest, all along the chain",
    ),
    Field("/verdicts", "each audit's outcome, code, reason, numbers, remarks", "that they follow from the events"),
    Field("/headline", "the numbers claimed, each with the place it was read from", "that they follow from the events"),
    Field("/run_durations_ns", "how long each run lasted", "that it follows from the events"),
    Field("/non_claims", "what this file does not prove", "that the disclaimers are all there"),
    Field(
        "/manifest_digest", "sha256 of this file with these 64 digits replaced by zeros",
        "that no byte changed by accident", "anything against a forger, who can make it again",
    ),
    Field("/extensions", "whatever other tools add", "nothing"),
)  # fmt: skip

# By task, pointers of members (with all that is in them) to which nothing holds who forges the last sidecar of a chain.
_EVERYWHERE = (
    *("/runner", "/image", "/image_identity", "/provenance/repo", "/provenance/commit", "/provenance/dirty"),
    *("/provenance/diff",),
    *("/provenance/tool/version", "/provenance/tool/commit", "/environment", "/started_on", "/finished_on"),
    *("/provenance/created_at", "/monotonic_duration_ns", "/redaction/policy_version", "/redaction/rules_digest"),
    *("/mlcube_config_hash", "/config_hashes/mlcube_yaml", "/extensions"),
)
_RECORDED = ("/runner", "/image", "/image_identity", "/mlcube_config_hash", "/config_hashes/mlcube_yaml")
_FIRST = ("/endpoint_identity/salt", "/endpoint_identity/sha256", "/dataset_refs/*/digest", "/dataset_refs/*/size",
          "/dataset_refs/*/format", "/dataset_refs/*/rows")  # fmt: skip
NOT_COVERED: dict[str, tuple[str, ...]] = {
    "audit": (*_EVERYWHERE, *_FIRST),
    "run_reference": (*_EVERYWHERE, *_FIRST),
    "run_audit": _EVERYWHERE,
    "verify": (*_EVERYWHERE, "/run_id"),
    "review": (*_EVERYWHERE, "/run_id"),
    # What stands in record.json cannot be changed in the sidecar alone.
    "record": tuple(pointer for pointer in _EVERYWHERE if pointer not in _RECORDED),
}
_PLACE = re.compile(r"/[0-9]+(?=/|$)")


def covered(task: str, pointer: str) -> bool:
    """Whether an edit at `pointer` of the last sidecar in a chain, which is of this task, has to be found."""
    place = _PLACE.sub("/*", pointer)
    return not any(
        place == open_one or place.startswith(f"{open_one}/") for open_one in NOT_COVERED[task.split(" ")[0]]
    )
