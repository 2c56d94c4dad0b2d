"""The video that comes out: an MP4 that players open, and that depends on everything asked for."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditcube.demo import h264
from auditcube.demo.video import VideoJob, shrink

JOB = VideoJob("a fox|42", 1280, 720, 16, 16, 20)

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffprobe") and shutil.which("ffmpeg")), reason="ffprobe or ffmpeg is not installed"
)


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert size >= 8
        yield kind, data[at + 8 : at + size]
        at += size
    assert at == len(data)


def inner(data: bytes, *path: bytes) -> bytes:
    for kind in path:
        data = dict(boxes(data))[kind]
    return data


def test_the_file_starts_with_ftyp_and_has_its_index_before_its_data() -> None:
    data = JOB.render().data
    assert data[4:8] == b"ftyp"
    assert [kind for kind, _ in boxes(data)] == [b"ftyp", b"moov", b"mdat"]


def test_the_track_says_its_size_and_duration() -> None:
    data = JOB.render().data
    header = inner(data, b"moov", b"trak", b"tkhd")
    assert [value >> 16 for value in struct.unpack(">2I", header[-8:])] == [64, 36]
    assert struct.unpack_from(">2I", inner(data, b"moov", b"mvhd"), 12) == (16000, 16000)


def test_the_sample_table_finds_every_frame_in_mdat() -> None:
    data = JOB.render().data
    table = inner(data, b"moov", b"trak", b"mdia", b"minf", b"stbl")
    count = struct.unpack_from(">I", inner(table, b"stsz"), 8)[0]
    sizes = struct.unpack_from(f">{count}I", inner(table, b"stsz"), 12)
    offset = struct.unpack_from(">I", inner(table, b"stco"), 8)[0]
    assert count == 16
    for size in sizes:
        assert struct.unpack_from(">IB", data, offset) == (size - 4, 0x65)
        offset += size
    assert offset == len(data)


def test_no_nal_unit_contains_what_looks_like_a_start_code() -> None:
    for width, height in ((64, 36), (16, 16), (1024, 1024)):
        units = [h264.sequence_parameters(width, height), h264.picture_parameters()]
        units += [h264.picture(i, [b"\x01" * h264.MACROBLOCK_BYTES] * 4) for i in range(2)]
        assert not any(code in unit for unit in units for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ((1280, 720), (64, 36)),
        ((720, 1280), (36, 64)),
        ((512, 512), (64, 64)),
        ((832, 480), (64, 36)),
        ((1, 1), (64, 64)),
        ((99999, 1), (64, 16)),
    ],
)
def test_the_aspect_stays_and_the_longer_side_is_64(asked: tuple[int, int], made: tuple[int, int]) -> None:
    assert shrink(*asked) == made


def test_the_same_job_gives_the_same_bytes_under_another_id() -> None:
    one, two = JOB.render(), JOB.render()
    assert one.data == two.data
    assert one.video_id != two.video_id


@pytest.mark.parametrize(
    "change", [{"identity": "a fox|43"}, {"steps": 21}, {"frames": 15}, {"fps": 24}, {"width": 720}]
)
def test_every_parameter_changes_the_bytes(change: dict[str, object]) -> None:
    assert replace(JOB, **change).render().data != JOB.render().data  # type: ignore[arg-type]


def test_a_hundred_prompts_give_a_hundred_videos() -> None:
    assert len({replace(JOB, identity=str(i), frames=2).render().data for i in range(100)}) == 100


@pytest.mark.parametrize(("share", "left"), [(1.0, 16), (0.5, 8), (0.01, 1)])
def test_a_share_leaves_the_last_frames_away(share: float, left: int) -> None:
    whole, part = JOB.render().data, replace(JOB, share=share).render().data
    assert inner(whole, b"mdat").startswith(inner(part, b"mdat"))
    assert len(inner(part, b"mdat")) * 16 == len(inner(whole, b"mdat")) * left


@needs_ffmpeg
@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (JOB, {"width": 64, "height": 36, "nb_read_frames": "16", "avg_frame_rate": "16/1"}),
        (replace(JOB, width=720, height=1280), {"width": 36, "height": 64, "nb_read_frames": "16"}),
        (replace(JOB, fps=29.97, frames=1), {"nb_read_frames": "1", "avg_frame_rate": "2997/100"}),
        (replace(JOB, width=500, height=500, frames=40), {"width": 64, "height": 64, "nb_read_frames": "40"}),
    ],
)
def test_ffmpeg_decodes_it_without_a_complaint(job: VideoJob, expected: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(job.render().data)
    show = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)]
    stream = json.loads(subprocess.run(show, capture_output=True, check=True).stdout)["streams"][0]
    assert stream["codec_name"] == "h264"
    assert {name: stream[name] for name in expected} == expected
    decode = ["ffmpeg", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"]
    assert subprocess.run(decode, capture_output=True, check=True).stderr == b""


@needs_ffmpeg
def test_the_decoded_pixels_are_the_ones_that_went_in(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(JOB.render().data)
    decode = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    raw = subprocess.run(decode, capture_output=True, check=True).stdout
    assert len(raw) == 16 * 64 * 36 * 3 // 2
    first_line = inner(JOB.render().data, b"mdat")
    # The first macroblock's first line of luma starts after length, header byte, slice header and mb_type.
    assert raw[:16] in first_line[:40]
