"""A hostile manifest makes nobody read, write or fetch anything but what is in its own directory.

Python tells what it opens, connects to and starts (PEP 578); a process of its own listens, since a hook stays for good.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditcube.manifest import rules
from auditcube.manifest.validator import validate
from bundles import SIDECAR, Bundle, Record, sha256
from e2e.commands import called, job, sure_to_pass
from manifest.test_validator import minimal

_LISTEN = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from auditcube.evidence.store import Store
from auditcube.manifest import publication, schema, validator
from auditcube.publish import publish
from auditcube.verification import check
import auditcube.audits.test04, auditcube.adapters.videogen, encodings.unicode_escape, encodings.idna
schema.problems({{}})
seen = []
def hook(name, arguments):
    if name == "open":
        writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        seen.append(["write" if writes else "open", str(arguments[0])])
    elif name.split(".")[0] in ("socket", "subprocess", "urllib", "http", "ftplib", "shutil") or name in (
        "os.system", "os.exec", "os.posix_spawn", "os.remove", "os.rename", "os.mkdir", "os.chmod", "os.truncate"
    ):
        seen.append([name, str(arguments[:1])])
sys.addaudithook(hook)
root = Path({root!r})
validator.validate([root])
check(Store(root))
print(json.dumps(seen))
"""


def watched(root: Path) -> list[tuple[str, str]]:
    """What `validate` and `verify` do with a directory, but for Python's own modules."""
    code = _LISTEN.format(tests=str(Path(__file__).parents[1]), root=str(root))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    own = (sys.prefix, sys.base_prefix, str(Path(rules.__file__).parents[3]))
    return [(kind, path) for kind, path in json.loads(done.stdout) if not path.startswith(own)]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("honest")
    with sure_to_pass() as server:
        given = ("--config", job(folder, server.url), "--output_dir", folder / "out")
        assert called("run_reference", *given).code == 0
    return folder / "out"


@pytest.fixture
def bundle(reference: Path, tmp_path: Path) -> Bundle:
    (tmp_path / "secret").write_text("what is none of its business")
    return Bundle.copied(reference, tmp_path / "in")


def outside(bundle: Bundle) -> list[tuple[str, str]]:
    """What is done but to read below the bundle. A name without a slash is resolved by the descriptor of a folder."""
    inside = str(bundle.root)
    return [
        (kind, path)
        for kind, path in watched(bundle.root)
        if kind != "open" or not (path == inside or path.startswith(inside + "/") or ("/" not in path and path != ".."))
    ]


def listed_as(path: str) -> Callable[[Bundle], object]:
    return lambda bundle: bundle.claim(lambda m: m["artifacts"][0].update(path=path))


def link(name: str, target: str) -> Callable[[Bundle], object]:
    def spoil(bundle: Bundle) -> None:
        (bundle.root / name).unlink(missing_ok=True)
        (bundle.root / name).symlink_to(target)
        bundle.claim(lambda m: m.update(artifacts=[e for e in m["artifacts"] if e["path"] != name]))

    return spoil


def through_a_link(bundle: Bundle) -> None:
    (bundle.root / "more").symlink_to("..")
    secret = bundle.root.parent / "secret"
    entry: Record = {"role": "audit", "path": "more/secret", "size": secret.stat().st_size, "media_type": "text/plain"}
    entry["digest"] = {"sha256": sha256(secret)}
    bundle.claim(lambda m: m["artifacts"].append(entry))


def result_outside(bundle: Bundle) -> None:
    bundle.write(
        minimal(result_paths=["../secret", "/etc/passwd", "link", "."], redaction_status="safe_for_public_log")
    )
    (bundle.root / "link").symlink_to("../secret")


def withheld_outside(bundle: Bundle) -> None:
    entry = {"path": "../secret", "line": 1, "rule": "email", "length": 9, "commitment": {"sha256": "0" * 64}}
    bundle.claim(lambda m: m.update(redaction=m["redaction"] | {"withheld": [entry]}, redaction_status="redacted"))


def pipe(bundle: Bundle) -> None:
    (bundle.root / "config.yaml").unlink()
    os.mkfifo(bundle.root / "config.yaml")
    bundle.claim(lambda m: m.update(artifacts=[e for e in m["artifacts"] if e["path"] != "config.yaml"]))


HOSTILE: dict[str, Callable[[Bundle], object]] = {
    "nothing": lambda bundle: None,
    "..": listed_as("../secret"),
    ".. inside": listed_as("runs/../../secret"),
    "absolute": listed_as("/etc/passwd"),
    "backslash": listed_as("..\\secret"),
    "a URL": listed_as("http://127.0.0.1:9/x"),
    "a file URL": listed_as("file:/etc/passwd"),
    "a device by name": listed_as("dev/zero"),
    "too long": listed_as("a/" * 500 + "b"),
    "config a link to a device": link("config.yaml", "/dev/zero"),
    "config a link to a file": link("config.yaml", "../secret"),
    "summary a link": link("runs/reference/summary.json", "../../../secret"),
    "report a link to itself": link("report.html", "report.html"),
    "schedule a link": link("runs/reference/schedule.json", "/etc/passwd"),
    "config a pipe": pipe,
    "through a link": through_a_link,
    "a result outside": result_outside,
    "something withheld outside": withheld_outside,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_outside_is_touched(bundle: Bundle, name: str) -> None:
    HOSTILE[name](bundle)
    assert outside(bundle) == []
    assert bool(validate([bundle.root]).findings) is (name != "nothing")


def test_who_listens_hears(bundle: Bundle) -> None:
    """A result is read: if that is heard, so would be what must not be."""
    heard = watched(bundle.root)
    assert ("open", str(bundle.sidecar)) in heard
    assert ("open", str(bundle.root / "config.yaml")) in heard
    assert ("open", "config.yaml") in heard


def test_names_that_some_file_systems_take_for_one(bundle: Bundle) -> None:
    for name in ("CONFIG.YAML", "Config.yaml", "e\u0301", "é"):
        (bundle.root / name).write_bytes(b"x")
        bundle.list_file(name, "config", "application/yaml")
    findings = [finding for finding in validate([bundle.root]).findings if finding.code == "schema"]
    assert len(findings) == 3
    assert all("case or Unicode form" in finding.message for finding in findings)


def test_what_others_chose_cannot_move_the_cursor(bundle: Bundle) -> None:
    escape = "\x1b[2J\x1b]0;owned\x07\u202e"
    bundle.claim(lambda m: m.update(parents=[{"task": f"run_reference{escape}", "manifest_sha256": "0" * 64}]))
    told = called("manifest", "validate", bundle.root, bundle.root).out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "run_reference" in told


@pytest.mark.parametrize("size", [2**24 + 1, 2**30])
def test_a_config_of_absurd_size_is_not_read(bundle: Bundle, size: int) -> None:
    with (bundle.root / "config.yaml").open("wb") as file:
        file.truncate(size)  # a sparse file
    entry: dict[str, Any] = {"size": size}
    bundle.claim(lambda m: [e.update(entry) for e in m["artifacts"] if e["path"] == "config.yaml"])
    done = called("verify", bundle.root)
    assert done.code == 5
    assert "larger than" in done.out


def test_a_sidecar_is_read_once_and_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / SIDECAR).symlink_to("/dev/zero")
    (finding,) = validate([tmp_path / "a"]).findings
    assert finding.code == "sidecar_malformed"
