"""The image of a run, asked for on the host: by which digests the engine's store, or the SIF's bytes, know it."""

from __future__ import annotations

import platform
import shlex
import subprocess
from collections.abc import Sequence

from auditcube.errors import AuditCubeError
from auditcube.manifest import identity, images
from auditcube.manifest.identity import Told, shown_reference
from auditcube.recording.effective import Effective

_TIMEOUT_S = 60


def look(effective: Effective) -> Told | None:
    """What is to be told of the image, None where it is not there, or where its engine does not answer."""
    try:
        if effective.sif is not None:
            return images.resolve(str(effective.sif.absolute())) if effective.sif.is_file() else None
        words = shlex.split(effective.engine)  # such as `sudo docker`

        def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
            full = [*words, *command[1:]]
            return subprocess.run(full, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S)

        return images.resolve(effective.image, effective.engine, run=run)
    except (AuditCubeError, ValueError):
        return None


def image_identity(effective: Effective, before: Told | None, after: Told | None) -> dict[str, object]:
    """The members `runner`, `image` and `image_identity` of the sidecar, from what was found before and after."""
    said = after or before or Told(effective.runner, shown_reference(effective.image))
    changed = before is not None and after is not None and before != after
    gone = before is not None and after is None
    contradictions = [
        *(
            ["the image was another one before the run than after it; these digests are of the latter"]
            if changed
            else []
        ),
        *(["the image was there before the run, and not after it"] if gone else []),
    ]
    here = identity.Seen((), None, platform.system(), platform.machine()).platform
    return identity.of_host(said, here, contradictions)
