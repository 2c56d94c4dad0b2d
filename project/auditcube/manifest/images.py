"""By which digests an image is known, found out on the host: from the engines' own stores and from files.

No registry is asked, nothing is pulled or started. What cannot be found out is left out, and is then listed as unknown.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditcube.errors import InvalidInput, SetupFailed
from auditcube.manifest import image_files
from auditcube.manifest.identity import Told, repo_digests, shown_reference

_PREFIXES = ("oci:", "oci-archive:", "docker-archive:")
_TIMEOUT_S = 60
_INDEX = re.compile("index|manifest.list")

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)


def resolve(
    image: str, engine: str | None = None, platform: str | None = None, tag: str | None = None, run: Run = _run
) -> Told:
    """What is to be told of `image`: a path of an image, with or without `oci:` and the like before it, or a name.

    A name is looked up in the store of `engine` (docker, podman, or a path of either), by default the first of the two
    that is installed. Raises InvalidInput for an image that is not there, SetupFailed if there is no engine to ask.
    """
    path = Path(next((image.removeprefix(prefix) for prefix in _PREFIXES if image.startswith(prefix)), image))
    if path.exists() and (engine is None or str(path) != image):
        return image_files.look_at(path, platform, tag)
    if str(path) != image or image.startswith(("/", "./", "../")):
        raise InvalidInput(f"{path}: no such file or directory")
    command = engine or next((name for name in ("docker", "podman") if shutil.which(name)), None)
    if command is None:
        raise SetupFailed(f"{image}: is no file, and neither docker nor podman is here to ask")
    return _ask(command, image, run)


def _ask(command: str, image: str, run: Run) -> Told:
    try:
        version = run([command, "--version"]).stdout.lower()
        answer = run([command, "image", "inspect", "--", image])
        found = json.loads(answer.stdout or "[]")
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise SetupFailed(f"{command}: does not run, or does not answer") from problem
    except ValueError as problem:
        raise SetupFailed(f"{command}: image inspect answers with something else than JSON") from problem
    if answer.returncode or not found:
        raise InvalidInput(f"{image}: {command} has no such image, or no engine behind it; nothing is pulled here")
    runner = "podman" if "podman" in version else "docker"
    return replace(inspected(found[0]), runner=runner, image=shown_reference(image))


def inspected(answer: Mapping[str, Any]) -> Told:
    """What `image inspect` says, of Podman, of Docker, and of Docker with containerd's store.

    There the image's id is no config digest: it is that of the manifest or index that Descriptor names.
    """
    image_id = _hex(answer.get("Id"))
    descriptor = answer.get("Descriptor") or {}
    described, kind = _hex(descriptor.get("digest")), str(descriptor.get("mediaType"))
    names = answer.get("RepoDigests")
    of_index = described if _INDEX.search(kind) else None
    return Told(
        config_digest=None if image_id == described else image_id,
        manifest_digest=_hex(answer.get("Digest")) or (described if not of_index else None),
        index_digest=of_index,
        repo_digests=repo_digests(map(str, names)) if isinstance(names, list) else (),
        platform=image_files.platform_of(answer),
        revision=image_files.revision_of(answer.get("Config")),
    )


def _hex(digest: Any) -> str | None:
    found = re.fullmatch("(?:sha256:)?([0-9a-f]{64})", str(digest))
    return found[1] if found else None
