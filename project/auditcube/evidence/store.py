"""The output directory: which files it has, and how one is made ready or cleared. See docs/design.md, section 2."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from auditcube.errors import InvalidInput, SetupFailed
from auditcube.evidence.files import cannot_write

SIDECAR = "mlcube.run_audit.json"
# What is made from a sidecar, and so cannot be listed in it; see manifest/attachments.
STATEMENT, ENVELOPE, SIGNATURE = "mlcube.run_audit.intoto.json", "mlcube.run_audit.dsse.json", f"{SIDECAR}.sig"
ATTACHMENTS = (STATEMENT, ENVELOPE, SIGNATURE)
_OURS = frozenset(
    {SIDECAR, "config.yaml", "expected.jsonl", "runs", "audit", "report.html", "verification.json", "review.json"}
) | {*ATTACHMENTS}


@dataclass(frozen=True)
class RunFiles:
    """The files of one run."""

    directory: Path

    @property
    def schedule(self) -> Path:
        return self.directory / "schedule.json"

    @property
    def summary(self) -> Path:
        return self.directory / "summary.json"

    @property
    def events(self) -> list[Path]:
        """One regular file per worker."""
        found = self.directory.glob("events*.jsonl")
        return sorted(path for path in found if path.is_file() and not path.is_symlink())

    @property
    def outputs(self) -> list[Path]:
        """One file per worker of a run that captures outputs."""
        return sorted(self.directory.glob("outputs*.jsonl"))

    @property
    def media(self) -> list[Path]:
        """One file per answer of a run that keeps videos, named by its query's ordinal."""
        return sorted((self.directory / "media").glob("*"))

    @property
    def chunks(self) -> list[Path]:
        """One file per worker of a run that records when each streamed chunk came."""
        return sorted(self.directory.glob("chunks*.jsonl"))


@dataclass(frozen=True)
class Store:
    """One output directory."""

    root: Path

    @property
    def sidecar(self) -> Path:
        return self.root / SIDECAR

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def expected(self) -> Path:
        """What the data set says of its rows and no request holds, where the config keeps such columns."""
        return self.root / "expected.jsonl"

    @property
    def verification(self) -> Path:
        return self.root / "verification.json"

    @property
    def statement(self) -> Path:
        return self.root / STATEMENT

    @property
    def review(self) -> Path:
        return self.root / "review.json"

    def run(self, label: str) -> RunFiles:
        return RunFiles(self.root / "runs" / label)

    def files(self) -> list[Path]:
        """Every file below the root, links and special files included, sorted; without the sidecar and its kin."""
        ours = {SIDECAR, *ATTACHMENTS}
        found = []
        for folder, folders, names in os.walk(self.root):
            here = Path(folder)
            found += [here / name for name in names if name not in ours or here != self.root]
            found += [link for name in folders if (link := here / name).is_symlink()]
        return sorted(found)

    def check_usable(self, overwrite: bool) -> None:
        """Raises SetupFailed unless a result may be written here; changes nothing that is there."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            present = {path.name for path in self.root.iterdir()}
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as problem:
            raise cannot_write(self.root, problem) from problem
        if present and not overwrite:
            what = "a result" if SIDECAR in present else "files, perhaps of a run that broke off"
            raise SetupFailed(
                f"{self.root}: already holds {what}; choose an empty directory, or give "
                "--overwrite (through mlcube: AUDITCUBE_OVERWRITE=1)"
            )
        if foreign := sorted(name for name in present if not _is_ours(name)):
            raise SetupFailed(f"{self.root}: holds {foreign[0]}, which is not ours; choose an empty directory")

    def clear(self) -> None:
        """Remove an earlier result: the sidecar first, so that what is left never claims to be whole."""
        try:
            self.sidecar.unlink(missing_ok=True)
            for path in [path for path in self.root.iterdir() if _is_ours(path.name)]:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        except OSError as problem:
            raise cannot_write(self.root, problem) from problem


def keep_apart(output_dir: Path, *sources: Path) -> None:
    """Raises InvalidInput if writing to `output_dir` would change the evidence that is read from `sources`."""
    output = output_dir.resolve()
    for source in sources:
        evidence = source.resolve()
        if output == evidence or output in evidence.parents or evidence in output.parents:
            raise InvalidInput(f"{output_dir}: overlaps {source}, which is read here; choose another place to write to")


def _is_ours(name: str) -> bool:
    """Whether a file of this name was written by us; `.NAME.xyz` is one that a power cut left half-written."""
    return name in _OURS or (name.startswith(".") and name[1:].rpartition(".")[0] in _OURS)
