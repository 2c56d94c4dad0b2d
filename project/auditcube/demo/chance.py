"""Seeded chance: the same for the same seed, whatever happened before, so that a run can be repeated."""

from __future__ import annotations

import hashlib
import random


def fraction(seed: int, purpose: str, ordinal: int) -> float:
    """A number from 0 to below 1 that looks random."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{ordinal}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def normal(seed: int, purpose: str, ordinal: int) -> float:
    """A number of the standard normal distribution."""
    return random.Random(f"{seed}/{purpose}/{ordinal}").gauss(0.0, 1.0)
