"""An H.264 constrained-baseline stream of uncompressed (I_PCM) macroblocks: every frame is an IDR picture.

*Source*: ITU-T H.264, 7.3 (syntax), 7.4.1.1 (emulation prevention), 9.1 (Exp-Golomb codes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

PROFILE = bytes((66, 0xC0, 30))
"""profile_idc baseline, constraint flags 0 and 1, level 3.0: what avcC repeats."""

MACROBLOCK_BYTES = 384
_MB_TYPE_I_PCM = 25
_NEXT_MACROBLOCK = b"\x0d\x00"
"""mb_type 25 as ue(v), then zero bits up to the byte boundary: a macroblock that starts on a byte boundary."""
_RBSP_STOP = b"\x80"


class _Bits:
    """Collects syntax elements, most significant bit first."""

    def __init__(self) -> None:
        self._text = ""

    def u(self, width: int, value: int) -> None:
        self._text += format(value, f"0{width}b")

    def ue(self, value: int) -> None:
        code = format(value + 1, "b")
        self._text += "0" * (len(code) - 1) + code

    def aligned(self) -> bytes:
        """All bits so far, filled up with zero bits."""
        text = self._text + "0" * (-len(self._text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def _nal(header: int, payload: bytes) -> bytes:
    return bytes((header,)) + re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", payload)


def sequence_parameters(width: int, height: int) -> bytes:
    """The SPS NAL unit of pictures of `width` x `height` pixels (both even), cropped from whole macroblocks."""
    columns, rows = -(-width // 16), -(-height // 16)
    bits = _Bits()
    for byte in PROFILE:
        bits.u(8, byte)
    bits.ue(0)  # seq_parameter_set_id
    bits.ue(0)  # log2_max_frame_num_minus4
    bits.ue(2)  # pic_order_cnt_type: output order is decoding order
    bits.ue(1)  # max_num_ref_frames
    bits.u(1, 0)  # gaps_in_frame_num_value_allowed_flag
    bits.ue(columns - 1)
    bits.ue(rows - 1)
    bits.u(2, 0b11)  # frame_mbs_only_flag, direct_8x8_inference_flag
    bits.u(1, 1)  # frame_cropping_flag
    for offset in (0, (columns * 16 - width) // 2, 0, (rows * 16 - height) // 2):
        bits.ue(offset)
    bits.u(1, 0)  # vui_parameters_present_flag
    bits.u(1, 1)  # rbsp_stop_one_bit
    return _nal(0x67, bits.aligned())


def picture_parameters() -> bytes:
    """The PPS NAL unit: CAVLC, one slice group, deblocking under the control of the slice header."""
    bits = _Bits()
    bits.ue(0)  # pic_parameter_set_id
    bits.ue(0)  # seq_parameter_set_id
    bits.u(2, 0)  # entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    for _ in ("num_slice_groups_minus1", "num_ref_idx_l0_minus1", "num_ref_idx_l1_minus1"):
        bits.ue(0)
    bits.u(3, 0)  # weighted_pred_flag, weighted_bipred_idc
    for _ in ("pic_init_qp_minus26", "pic_init_qs_minus26", "chroma_qp_index_offset"):
        bits.ue(0)
    bits.u(
        3, 0b100
    )  # deblocking_filter_control_present_flag, constrained_intra_pred_flag, redundant_pic_cnt_present_flag
    bits.u(1, 1)  # rbsp_stop_one_bit
    return _nal(0x68, bits.aligned())


def picture(index: int, macroblocks: Sequence[bytes]) -> bytes:
    """The NAL unit of frame `index`; two IDR pictures in a row must differ in their idr_pic_id.

    `macroblocks`: in raster order, each 256 luma, 64 Cb and 64 Cr samples; no sample may be 0.
    """
    # I_PCM samples are never 0, so that only the header could need emulation prevention.
    return _nal(0x65, _slice_header(index % 2)) + _NEXT_MACROBLOCK.join(macroblocks) + _RBSP_STOP


@cache
def _slice_header(idr_pic_id: int) -> bytes:
    bits = _Bits()
    bits.ue(0)  # first_mb_in_slice
    bits.ue(7)  # slice_type: I, as all others of the picture
    bits.ue(0)  # pic_parameter_set_id
    bits.u(4, 0)  # frame_num
    bits.ue(idr_pic_id)
    bits.u(2, 0)  # no_output_of_prior_pics_flag, long_term_reference_flag
    bits.ue(0)  # slice_qp_delta
    bits.ue(1)  # disable_deblocking_filter_idc
    bits.ue(_MB_TYPE_I_PCM)
    return bits.aligned()
