"""Tokens of answers, counted with a tokenizer of the user's where the server's own count is not to be had or trusted.

The counting is done in a thread beside the loop (the library lets go of the interpreter while it encodes), in batches
and in the order of the answers, which are timed long since: it delays events on their way to disk, and no query.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from auditcube.errors import SetupFailed
from auditcube.evidence.events import Event, Status

_MOST_WAITING = 8192  # answers held; beyond it the loop waits for the count, and its lag tells
_Waiting = list[tuple[Event, Sequence[str]]]


class TokenCounter:
    """Fills in the `tokens_out` of events and hands them to `write`, in the order in which they came.

    Raises SetupFailed if the file is no tokenizer (the JSON form of Hugging Face's `tokenizers`), or that package, the
    extra `tokenizer`, is not installed.
    """

    def __init__(self, path: str, write: Callable[[Event], None]) -> None:
        self._tokenizer = _tokenizer(path)
        self._write = write
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(1, "tokens")
        self._waiting: _Waiting = []
        self._busy: tuple[_Waiting, Future[list[int]]] | None = None

    def add(self, event: Event, texts: Sequence[str]) -> None:
        """Count the texts of an event's answer, and hand the event on; one without an answer goes as it is."""
        self._waiting.append((event, texts))
        if self._busy is None:
            self._start_batch()
        elif len(self._waiting) >= _MOST_WAITING:
            self._end_batch()

    def finish(self) -> None:
        """Hand on all that are left; blocks until they are counted."""
        while self._busy is not None:
            self._end_batch()
        self._pool.shutdown()

    def give_up(self) -> None:
        """Hand on all that are left as they are: there is no time to count them."""
        under_way = self._busy[0] if self._busy is not None else []
        left, self._busy, self._waiting = [*under_way, *self._waiting], None, []
        self._pool.shutdown(wait=False, cancel_futures=True)
        for event, _ in left:
            self._write(event)

    def _start_batch(self) -> None:
        batch, self._waiting = self._waiting, []
        future = self._pool.submit(self._count, [texts for _, texts in batch])
        self._busy = batch, future
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._counted, done))

    def _counted(self, future: Future[list[int]]) -> None:
        if self._busy is not None and self._busy[1] is future:
            self._end_batch()

    def _end_batch(self) -> None:
        """Wait for the batch under way, hand it on, and begin the next."""
        assert self._busy is not None
        (batch, future), self._busy = self._busy, None
        for (event, _), tokens in zip(batch, future.result(), strict=True):
            if event["status"] == Status.OK.value:
                event["tokens_out"] = tokens
            self._write(event)
        if self._waiting:
            self._start_batch()

    def _count(self, answers: list[Sequence[str]]) -> list[int]:
        texts = [text for answer in answers for text in answer]
        counts = iter(self._tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        return [sum(len(next(counts).ids) for _ in answer) for answer in answers]


def _tokenizer(path: str) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        text = "endpoint.tokenizer needs the package tokenizers: pip install 'auditcube[tokenizer]'"
        raise SetupFailed(text) from None
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread of this process, not one for each core
    try:
        return Tokenizer.from_file(path)
    except Exception as problem:  # noqa: BLE001 - the library raises no narrower one
        raise SetupFailed(f"endpoint.tokenizer {path}: is no tokenizer.json ({problem})") from None
