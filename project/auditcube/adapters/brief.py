"""The counts of a whole answer, read without making an object of each of its members.

A run that keeps no outputs wants two numbers of an answer, and to know that it is one. msgspec checks all of the JSON,
builds what is declared here, and takes a third of the time. Of an answer that is unusual in any way nothing is said:
then it is read as a whole, which also says what is wrong with it. What remains of a difference: in a member that nobody
reads, msgspec lets a number pass that is beyond a double, and (from Python 3.12 on) more than 1024 brackets within each
other. JSON knows no limit of either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from auditcube.adapters.contract import Answer
from auditcube.adapters.token_fields import BEYOND

Brief = Callable[[bytes], "Answer | None"]
"""Reads a body; None for an answer that must be read as a whole."""
_NOTHING: Mapping[str, Any] = {}
_CHUNKS, _FIRST_NS, _LAST_NS, _CHUNK_NS, _MEDIA = Answer()[3:]


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int


class _Counted(msgspec.Struct, gc=False):
    """What a usual answer has: counts, and no error in either of the forms of `contract.is_error`."""

    usage: _Usage
    error: None = None
    object: str = ""


class Message(msgspec.Struct, gc=False):
    """The message of a chat's choice, whatever is in it."""


def brief_of(choice: dict[str, type]) -> Brief:
    """The reader for an API whose choices have these members, of these types."""
    shape: Any = msgspec.defstruct("Choice", list(choice.items()), gc=False)
    members: list[Any] = [("choices", list[shape])]
    whole: Any = msgspec.defstruct("Whole", members, bases=(_Counted,), kw_only=True, gc=False)
    new = tuple.__new__
    decode = msgspec.json.Decoder(whole).decode

    def brief(body: bytes) -> Answer | None:
        try:
            if not body.isascii():
                body.decode()  # msgspec does not look into texts that nobody reads
            answer = decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        usage = answer.usage
        tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
        if answer.choices and answer.object != "error" and 0 <= tokens_in < BEYOND and 0 <= tokens_out < BEYOND:
            # As `Answer(...)` does, without the function in Python that a named tuple is made by.
            members = (_NOTHING, tokens_in, tokens_out, _CHUNKS, _FIRST_NS, _LAST_NS, _CHUNK_NS, _MEDIA)
            return new(Answer, members)
        return None

    return brief
