"""What is expected of each row: written once, read back strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditcube.errors import EvidenceRejected
from auditcube.evidence.expected import expected_bytes, read_expected


def test_rows_are_read_back_as_they_were(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"answer": "B"}, {"answer": "ä\u2028"}, {"labels": [0, 1], "weights": [0.5, 2]}]
    path = tmp_path / "expected.jsonl"
    path.write_bytes(expected_bytes(rows))
    assert read_expected(path, 3) == dict(enumerate(rows))


@pytest.mark.parametrize(
    "content",
    ["", "[]\n", "{}\n", "x\n", '{"sample":1,"expected":{}}\n',
     '{"sample":0,"expected":[]}\n', '{"sample":0,"expected":{},"x":1}\n',
     '{"sample":0,"expected":{}}\n{"sample":1,"expected":{}}\n'],
)  # fmt: skip
def test_any_other_file_is_rejected(tmp_path: Path, content: str) -> None:
    path = tmp_path / "expected.jsonl"
    path.write_text(content)
    with pytest.raises(EvidenceRejected, match=r"expected\.jsonl"):
        read_expected(path, 1)


def test_no_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(EvidenceRejected, match="No such file"):
        read_expected(tmp_path / "expected.jsonl", 1)
