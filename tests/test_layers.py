"""The layers of docs/design.md hold: who imports whom, how long things may get, and that a broken rule is found.

Every import statement counts, also one inside a function or under TYPE_CHECKING, and so does
`importlib.import_module("auditcube...")`. The tables below are the design; a new part needs a row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent / "project"
PACKAGE = "auditcube"

# Words that every part may use: these import nothing of ours.
EVERYWHERE = ("errors", "scenario", "redaction")

ANYTHING = ("*",)

# The pure half of the load: what is planned, without a clock or a socket.
PLANNED_LOAD = ("load.order", "load.arrivals", "load.schedule", "load.pacing")

# Part -> what it may import besides itself and EVERYWHERE. A module belongs to the longest name that fits it.
LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "scenario": (),
    "redaction": (),
    "document": (),
    "config": ("document", "presets"),
    "presets": (),
    "dataset": (),
    "croissant": (),  # what others say of a data set
    "load": ("adapters", "dataset", "evidence"),  # what does I/O: the engine, the transport, the workers
    "load.order": (),
    "load.arrivals": ("load.order",),
    "load.schedule": ("load.order", "load.arrivals"),
    "load.pacing": ("load.schedule",),
    "adapters": ("dataset",),
    "evidence": ("values",),
    "early_stopping": (),
    "values": (),
    "metrics": ("early_stopping", "evidence", "values", *PLANNED_LOAD),
    "summary": ("evidence", "metrics", "values"),
    "plan_check": ("evidence", "metrics", "values", *PLANNED_LOAD),
    "paired": (),
    "probed": ("metrics", "paired", *PLANNED_LOAD),
    "audits": ("evidence.answers", "metrics", "paired", "probed", "values", *PLANNED_LOAD),
    "loadgen": ("audits", "evidence.answers", "load.pacing"),  # the real LoadGen's logs, by both rules
    "scan": (),
    "manifest": ("evidence", "scan"),
    "report": ("manifest", "metrics", "summary", "values"),
    # From here on the parts are put together.
    "job": ("adapters", "audits", "config", "croissant", "dataset", "document", "load"),
    "forecast": ("audits", "job", *PLANNED_LOAD),
    "starter": ("adapters", "audits", "config"),
    "readiness": ("adapters", "dataset", "load", "unix_sockets"),
    "unix_sockets": (),
    "scoring": ("audits", "evidence", "job", "metrics"),  # runs the submitter's commands
    "results": ("audits", "evidence", "job", "manifest.build", "metrics", "scoring", "summary", *PLANNED_LOAD),
    "verification": (
        "config",
        "evidence",
        "job",
        "manifest",
        "metrics",
        "plan_check",
        "results",
        "scoring",
        *PLANNED_LOAD,
    ),
    "recording": ("evidence", "manifest"),  # what is found out around a run of somebody else's MLCube
    "publish": ("evidence", "manifest", "scan"),
    "signing": ("evidence", "manifest"),
    "export": ("manifest.attestation",),  # views of a sidecar
    "progress": ("load.engine",),
    "terminal": (
        *("load.pacing", "loadgen.judged", "manifest.finding", "progress", "publish", "results", "scan", "summary"),
        "verification",
    ),
    "arguments": ("__init__", "demo.options", "export"),
    "tasks": ANYTHING,
    "conclusion": ("evidence", "job", "manifest", "metrics", "report", "results", "scoring", "verification.checked"),
    "reviewing": ANYTHING,
    "judging": ANYTHING,
    "mlperf": ("audits", "evidence", "loadgen", "manifest"),
    "record": ("evidence", "manifest", "recording"),
    "demonstration": ANYTHING,
    "cli": ANYTHING,
    "__main__": ("cli",),
    "__init__": (),
    "demo": (),
}

# The demo endpoint shares no code with what it tests, not even the words of EVERYWHERE.
ALONE = ("demo",)

# The composition root: nobody imports it, but for these.
ROOTS: dict[str, tuple[str, ...]] = {
    "tasks": ("cli", "demonstration"),
    "reviewing": ("cli",),
    "judging": ("cli",),
    "mlperf": ("cli",),
    "record": ("cli",),
    "demonstration": ("cli",),
    "cli": ("__main__",),
}

# Modules of audits/ that are no audit test. Every other one is, and no test imports another.
AUDIT_FRAME = ("__init__", "contract", "scorers")

# Rules that take values and return values: no file, socket, clock, process or chance but the seeded one.
PURE = (
    *PLANNED_LOAD,
    *("adapters", "evidence.events", "evidence.layout", "metrics", "values", "early_stopping", "summary", "plan_check"),
    *("audits", "export", "paired", "probed", "report.view", "presets"),
    *("recording.command", "recording.shown", "manifest.recorded"),
)
IMPURE = (
    *("asyncio", "uvloop", "multiprocessing", "threading", "subprocess", "signal"),
    *("socket", "ssl", "select", "httptools", "requests", "urllib.request"),
    *("shutil", "tempfile", "time"),
)

MAX_MODULE_LINES = 500
MAX_FUNCTION_LINES = 60


class Import(NamedTuple):
    """One imported name: the module it is read from, in full, and where."""

    target: str
    line: int


class Module(NamedTuple):
    """One parsed file. `name` is dotted, below the package, and ends in `__init__` for a package's own file."""

    name: str
    path: Path
    source: str
    tree: ast.Module
    imports: tuple[Import, ...]


def within(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(part + ".") for part in parts)


def absolute(node: ast.ImportFrom, name: str) -> str:
    """The full name of the module that a `from X import` in module `name` reads, relative ones resolved."""
    if not node.level:
        return node.module or ""
    above = [PACKAGE, *name.split(".")][: -node.level]
    return ".".join([*above, *([node.module] if node.module else [])])


def imported(tree: ast.Module, name: str) -> Iterator[Import]:
    """Every name that a module imports, `from X import y` as `X.y`: which of the two is the module is not known yet."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(f"{absolute(node, name)}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (Import(str(arg.value), node.lineno) for arg in node.args[:1] if isinstance(arg, ast.Constant))


def read(root: Path) -> list[Module]:
    """All modules under root/auditcube, with the imports of our own resolved to names of modules."""
    package = root / PACKAGE
    paths = {".".join(path.relative_to(package).with_suffix("").parts): path for path in sorted(package.rglob("*.py"))}

    def resolve(item: Import) -> Import:
        """Below our package: the longest prefix that is a module; one not written yet, by its part's row."""
        if not within(item.target, (PACKAGE,)):
            return item
        parts = item.target.split(".")[1:]
        for end in range(len(parts), 0, -1):
            name = ".".join(parts[:end])
            found = next((known for known in (name, f"{name}.__init__") if known in paths), None)
            if found:
                return item._replace(target=f"{PACKAGE}.{found}")
        return item if within(".".join(parts), tuple(LAYERS)) else item._replace(target=f"{PACKAGE}.__init__")

    modules = []
    for name, path in paths.items():
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source, str(path))
        imports = tuple(dict.fromkeys(resolve(item) for item in imported(tree, name)))
        modules.append(Module(name, path, source, tree, imports))
    return modules


def ours(module: Module) -> Iterator[Import]:
    """What a module imports of our own, named below the package."""
    for item in module.imports:
        if item.target.startswith(PACKAGE + "."):
            yield item._replace(target=item.target.removeprefix(PACKAGE + "."))


def layer_of(name: str) -> str | None:
    return max((layer for layer in LAYERS if within(name, (layer,))), key=len, default=None)


def objection(module: Module, target: str) -> str | None:
    """Why this module must not import target (a name below the package), or None."""
    layer = layer_of(module.name)
    if layer is None or layer_of(target) == layer:
        return audit_objection(module, target)
    if within(layer, ALONE):
        return f"{layer} imports nothing of ours"
    for root, users in ROOTS.items():
        if within(target, (root,)) and not within(module.name, users):
            return f"{root} is a composition root"
    allowed = (layer, *EVERYWHERE, *LAYERS[layer])
    if "*" in allowed or within(target, allowed) or target == "__init__":
        return None
    return f"{layer} may import {', '.join(sorted({*allowed} - {layer}))}"


def audit_objection(module: Module, target: str) -> str | None:
    tests = [name.removeprefix("audits.") for name in (module.name, target) if within(name, ("audits",))]
    if len(tests) == 2 and not any(within(name, AUDIT_FRAME) for name in tests):
        return "no audit test imports another"
    return None


def import_findings(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        if layer_of(module.name) is None:
            yield f"{PACKAGE}.{module.name} belongs to no layer: give it a row in LAYERS"
        for item in ours(module):
            reason = objection(module, item.target)
            if reason is not None:
                yield f"{PACKAGE}.{module.name}:{item.line} imports {PACKAGE}.{item.target}: {reason}"


def purity_findings(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        for item in module.imports:
            if within(module.name, PURE) and within(item.target, IMPURE):
                yield f"{PACKAGE}.{module.name}:{item.line} imports {item.target}: a pure module does no I/O"


def find_cycle(graph: dict[str, set[str]]) -> list[str] | None:
    """One cycle of the graph as the names along it, the first repeated at the end; None where there is none."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return None
        for following in sorted(graph.get(node, ())):
            found = visit(following, [*path, node])
            if found:
                return found
        done.add(node)
        return None

    return next((found for node in sorted(graph) if (found := visit(node, []))), None)


def cycle_findings(modules: list[Module]) -> Iterator[str]:
    """Cycles between modules, and between the parts directly below the package."""
    by_module: dict[str, set[str]] = {}
    by_part: dict[str, set[str]] = {}
    for module in modules:
        for item in ours(module):
            by_module.setdefault(module.name, set()).add(item.target)
            part, target = module.name.split(".")[0], item.target.split(".")[0]
            if part != target:
                by_part.setdefault(part, set()).add(target)
    for graph in (by_module, by_part):
        cycle = find_cycle(graph)
        if cycle:
            yield "import cycle: " + " -> ".join(f"{PACKAGE}.{name}" for name in cycle)


def size_findings(modules: list[Module]) -> Iterator[str]:
    for module in modules:
        lines = len(module.source.splitlines())
        if lines > MAX_MODULE_LINES:
            yield f"{PACKAGE}.{module.name} has {lines} lines, {MAX_MODULE_LINES} at most"
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                where = f"{PACKAGE}.{module.name}:{node.lineno} {node.name}"
                if lines > MAX_FUNCTION_LINES:
                    yield f"{where} has {lines} lines, {MAX_FUNCTION_LINES} at most"


def package_findings(modules: list[Module]) -> Iterator[str]:
    """A folder without `__init__.py` would be missing from the wheel."""
    names = {module.name for module in modules}
    folders = {".".join([*module.name.split(".")[:-1], "__init__"]) for module in modules}
    yield from (f"{PACKAGE}.{folder} is missing" for folder in sorted(folders - names))


RULES = [import_findings, purity_findings, cycle_findings, size_findings, package_findings]


def findings(root: Path) -> list[str]:
    modules = read(root)
    if not modules:
        return [f"there is no module below {root / PACKAGE}"]
    return [finding for rule in RULES for finding in rule(modules)]


def test_the_package_keeps_its_layers() -> None:
    found = findings(ROOT)
    assert not found, "\n" + "\n".join(found)


# A tree that obeys every rule; each case below adds or replaces files.
GOOD = {
    "__init__": "__version__ = '1'",
    "errors": "class InvalidInput(Exception): pass",
    "dataset": "from auditcube.errors import InvalidInput",
    "load.__init__": "",
    "load.order": "",
    "load.schedule": "from auditcube.load import order\nimport random",
    "load.pacing": "",
    "load.engine": "import asyncio\nfrom auditcube.adapters import openai_chat\nfrom auditcube.load.schedule import x",
    "adapters.__init__": "",
    "adapters.openai_chat": "from auditcube.dataset import Sample",
    "evidence.__init__": "",
    "metrics": "from auditcube.evidence import events",
    "audits.__init__": "from auditcube.audits.contract import find",
    "audits.contract": "from auditcube.metrics import RunStats",
    "audits.test04": "from auditcube.audits.contract import Verdict\nfrom auditcube.load.schedule import x",
    "tasks": "from auditcube import audits, load",
    "cli": "def main():\n    from auditcube import __version__, tasks\n    from auditcube.demo import server",
    "__main__": "from auditcube.cli import main",
    "demo.__init__": "",
    "demo.server": "import asyncio, time\nfrom auditcube.demo import video",
    "demo.video": "",
}

LONG_FUNCTION = "def f():\n" + "    x = 1\n" * 60

CASES = [
    ("unknown part", {"helpers": ""}, "helpers belongs to no layer"),
    ("upwards", {"metrics": "import auditcube.audits"}, "metrics:1 imports audits.__init__: metrics may"),
    ("inside a function", {"dataset": "def f():\n    import auditcube.metrics"}, "dataset:2 imports metrics"),
    ("relative", {"adapters.openai_chat": "from ..metrics import x"}, "openai_chat:1 imports metrics"),
    ("relative, a module", {"adapters.openai_chat": "from .. import metrics"}, "openai_chat:1 imports metrics"),
    ("from the package", {"errors": "from auditcube import dataset"}, "errors:1 imports dataset"),
    (
        "only for types",
        {"errors": "if TYPE_CHECKING:\n    from auditcube.metrics import x"},
        "errors:2 imports metrics",
    ),
    ("by import_module", {"errors": "import_module('auditcube.dataset')"}, "errors:1 imports dataset"),
    ("not written yet", {"errors": "from auditcube.config import Job"}, "errors:1 imports config"),
    ("the root's user", {"tasks": "from auditcube.cli import main"}, "tasks:1 imports cli: cli is a"),
    ("pure load", {"load.order": "import auditcube.load.engine"}, "load.order:1 imports load.engine: load.order may"),
    (
        "engine from an audit",
        {"audits.test04": "import auditcube.load.engine"},
        "audits.test04:1 imports load.engine: audits may import",
    ),
    (
        "one audit from another",
        {"audits.test01": "from auditcube.audits.test04 import judge"},
        "audits.test01:1 imports audits.test04: no audit test imports another",
    ),
    ("demo", {"demo.server": "from auditcube import errors"}, "demo.server:1 imports errors: demo imports"),
    ("demo, a root", {"demo.server": "import auditcube.cli"}, "demo.server:1 imports cli: demo imports"),
    ("demo's user", {"load.engine": "import auditcube.demo.video"}, "load.engine:1 imports demo.video: load may"),
    ("clock in a pure module", {"metrics": "from time import sleep"}, "metrics:1 imports time.sleep: a pure module"),
    ("socket in an adapter", {"adapters.openai_chat": "import socket"}, "openai_chat:1 imports socket: a pure module"),
    (
        "cycle of modules",
        {"load.schedule": "from auditcube.load import pacing", "load.pacing": "from auditcube.load import schedule"},
        "import cycle: load.schedule -> load.pacing -> load.schedule",
    ),
    (
        "cycle of parts",
        {"adapters.other": "from auditcube.load import order"},
        "import cycle: load -> adapters -> load",
    ),
    ("long module", {"dataset": "x = 1\n" * 501}, "dataset has 501 lines, 500 at most"),
    ("long function", {"dataset": LONG_FUNCTION}, "dataset:1 f has 61 lines, 60 at most"),
    ("long async function", {"dataset": "async " + LONG_FUNCTION}, "dataset:1 f has 61 lines, 60 at most"),
    ("folder no package", {"report.view": ""}, "report.__init__ is missing"),
]


def write(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root.joinpath(PACKAGE, *name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


def test_a_good_tree_has_no_findings(tmp_path: Path) -> None:
    at_the_limits = {"dataset": "x = 1\n" * 500, "metrics": LONG_FUNCTION.replace("    x = 1\n", "", 1)}
    assert findings(write(tmp_path, GOOD | at_the_limits)) == []


@pytest.mark.parametrize(("files", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_bad_tree_is_found(tmp_path: Path, files: dict[str, str], message: str) -> None:
    found = [finding.replace(f"{PACKAGE}.", "") for finding in findings(write(tmp_path, GOOD | files))]
    assert any(message in finding for finding in found), found


def test_an_empty_tree_is_no_pass(tmp_path: Path) -> None:
    assert findings(tmp_path) == [f"there is no module below {tmp_path / PACKAGE}"]
