"""What a check has to say: one finding per defect, collected rather than raised."""

from __future__ import annotations

from dataclasses import dataclass

FIXES = {
    "sidecar_missing": "a directory without its sidecar holds no result; run the task again",
    "sidecar_malformed": "take the file from the original output directory; it must not be edited or re-saved",
    "schema": "write the manifest with auditcube, or correct the member named here",
    "spelling": "take the file from the original output directory; it must not be edited or re-saved",
    "artifact_missing": "copy the whole output directory, with every file that the sidecar lists",
    "artifact_digest": "take the file from the original output directory; it must not be edited or re-saved",
    "artifact_respelled": "another tool wrote the same values anew; take the file from the original output directory",
    "artifact_unlisted": "remove the file, or keep it outside of the output directory",
    "artifact_special": "replace links and special files by the regular files that were there",
    "artifact_list": "a task lists exactly the files that it writes; take the original sidecar",
    "statement": "take the file from the original output directory: it follows from the sidecar, and changes with it",
    "signature": "take sidecar and signature from the original directory, or sign again with `auditcube sign`",
    "signature_missing": "ask the submitter to sign with `auditcube sign`, or leave out --allowed-signers",
    "config": "take config.yaml from the original output directory",
    "config_hash": "the sidecar and config.yaml belong to different tasks; copy both from one directory",
    "schedule": "the runs were not made by this config's plan; run the task again",
    "events": "the events were not written by this run; take them from the original output directory",
    "run_set": "a task makes all of its runs, or stops after one that broke off; copy the whole output directory",
    "run_id": "the events belong to another task; copy the whole output directory of one task",
    "time_order": "the sidecar's times and the events' times exclude each other; run the task again",
    "summary": "the summary does not follow from the events; take both from the original output directory",
    "audit_file": "the audit's file does not follow from the events; take it from the original output directory",
    "derived": "this member does not follow from the files beside it; take the original sidecar",
    "redaction": "see every place with `auditcube redact --scan DIR`; make a copy with `auditcube redact DIR`",
    "time_gap": "an endpoint may have been changed in so long a time; make the reference anew, and then the audit",
    "claim": "claim no more than the evidence bears: run the task again under conditions that meet the gate",
    "parent_missing": "give what it started from: --reference_dir for verify, the whole tree for manifest validate",
    "parent_digest": "a sidecar was changed or exchanged after another started from it; give the one it started from",
    "chain_config": "both tasks must have the same config; take both from one series, or run them again",
    "chain_dataset": "both tasks must have the same data set; take both from one series, or run them again",
    "chain_endpoint": "both tasks must ask the same endpoint; take both from one series, or run them again",
    "chain_image": "both tasks must run in the same image under the same mlcube.yaml; run them again",
}


@dataclass(frozen=True)
class Finding:
    """A defect: its code (a key of `FIXES`), the file, the place in it if there is one, and what is wrong."""

    code: str
    path: str
    message: str
    pointer: str = ""

    @property
    def fix(self) -> str:
        return FIXES[self.code]

    def to_json(self) -> dict[str, str]:
        return {
            "code": self.code,
            "path": self.path,
            "pointer": self.pointer,
            "message": self.message,
            "fix": self.fix,
        }

    def __str__(self) -> str:
        place = f"{self.path}{'#' + self.pointer if self.pointer else ''}"
        return printable(f"{place}: {self.code}: {self.message} -> {self.fix}")


def printable(text: str) -> str:
    """A text that others chose, a file's name or a member, as one that any screen and any file can show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
