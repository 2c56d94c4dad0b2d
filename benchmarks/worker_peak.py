"""One worker's share of a run in this process, which is then measured from outside: `worker_peak.py CONFIG QUERIES`."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import uvloop

from auditcube.job import read_job
from auditcube.load.issuer import Run
from auditcube.load.share import Share


async def send(share: Share) -> None:
    run = Run(share)
    await run.prepare()
    await run.until_ended(time.monotonic_ns())


def main() -> None:
    job = read_job(Path(sys.argv[1]), None, os.environ)
    schedule = job.plan.schedule(replace(job.plan.runs[0], queries=int(sys.argv[2])))
    samples = dict(enumerate(job.dataset.samples))
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(send(Share("peak", schedule, "0" * 64, 0, samples, job.endpoint, Path(folder))))


if __name__ == "__main__":
    main()
