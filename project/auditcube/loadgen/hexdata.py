"""The hexadecimal data of accuracy logs, as bytes and as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

DTYPES = {
    "byte": np.int8,
    "float32": np.float32,
    "int32": np.int32,
    "int64": np.int64,
    "int16": np.int16,
}


# The same as formats of `memoryview.cast`, which costs a third of an array for each answer.
FORMATS: Mapping[str, Literal["b", "f", "i", "q", "h"]] = {
    "byte": "b",
    "float32": "f",
    "int32": "i",
    "int64": "q",
    "int16": "h",
}


def numbers(data: Any, dtype: str) -> npt.NDArray[Any]:
    """The values of hexadecimal text, little-endian. Raises ValueError or TypeError as upstream's scripts would."""
    return np.frombuffer(bytes.fromhex(data), dtype=DTYPES[dtype])
