"""How late an event loop with nothing to do is on this machine, for so many seconds: no client can be better."""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

from auditcube.load.lag import LagProbe


async def main() -> None:
    probe = LagProbe(asyncio.get_running_loop())
    await asyncio.sleep(float(sys.argv[1]))
    print(json.dumps(probe.lags.summary()))
    probe.close()


if __name__ == "__main__":
    uvloop.run(main())
