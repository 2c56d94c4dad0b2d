"""The second engine: betterleaks itself, beside our rules and only where it is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditcube.errors import SetupFailed
from auditcube.scan import second
from auditcube.scan.files import look_through
from e2e.commands import called

# A form of gitleaks's generic rule: nothing but its name tells that it is a secret.
KEY = "zX81kQ0vTb5wRm2nYc7d"
TEXT = f"a\nb\napi_key = {KEY}\n"


@pytest.fixture
def found(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text(TEXT)
    return path


def test_what_it_finds_has_its_place_and_never_the_value(found: Path) -> None:
    (leak,) = [leak for leak in look_through([found], second.betterleaks()).leaks if "betterleaks" in leak.rule]
    assert (leak.rule, leak.path, leak.line, leak.length) == ("betterleaks:generic-api-key", str(found), 3, len(KEY))
    assert KEY not in str(leak)


def test_lines_are_counted_on_behind_a_block(found: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "_BLOCK", 1)
    assert [leak.line for leak in second.betterleaks()(found, "x")] == [3]


def test_the_command_looks_by_both_where_asked(found: Path, tmp_path: Path) -> None:
    (tmp_path / "harmless.txt").write_text("nothing\n")
    asked = called("redact", "--scan", found, "--betterleaks")
    assert asked.code == 5
    assert f"{found}:3: betterleaks:generic-api-key, {len(KEY)} characters" in asked.out
    assert KEY not in asked.out
    assert "betterleaks" not in called("redact", "--scan", found).out
    assert called("redact", "--scan", tmp_path / "harmless.txt", "--betterleaks").code == 0


def test_a_file_that_is_no_text_is_not_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0" + TEXT.encode())
    assert look_through([tmp_path], second.betterleaks()).leaks == []


def test_it_goes_with_a_look(tmp_path: Path) -> None:
    done = called("redact", tmp_path, "--output_dir", tmp_path / "out", "--betterleaks")
    assert (done.code, "--betterleaks goes with --scan" in done.err) == (2, True)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "betterleaks", None)
    with pytest.raises(SetupFailed, match=r"pip install 'auditcube\[betterleaks\]'"):
        second.betterleaks()
