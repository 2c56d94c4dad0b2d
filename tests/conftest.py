"""What all tests share: properties are tried on the same examples everywhere, so that a red run can be made again.

`HYPOTHESIS_PROFILE=explore make test` tries new ones.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
