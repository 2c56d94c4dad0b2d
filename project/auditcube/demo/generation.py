"""The way of a generation request: understood, admitted, computed or not (the cheats), answered, counted."""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import replace
from pathlib import Path

from auditcube.demo import cheats, nuisances, sse, switches
from auditcube.demo.answers import Reply, envelope, error_reply, json_reply, text_reply, video_reply, wants_path
from auditcube.demo.calls import Call, Output, Refused, Served
from auditcube.demo.counts import Counts
from auditcube.demo.engine import Engine
from auditcube.demo.nuisances import Delivery
from auditcube.demo.options import Options
from auditcube.demo.parse import Limits, parse
from auditcube.demo.prediction import Predictions
from auditcube.demo.text import Text
from auditcube.demo.video import Video
from auditcube.demo.wire import Outlet, Request

_EVENT_STREAM = "text/event-stream"


class Generation:
    """Serves the generation paths; `counts` is where it counts. Made and used within one event loop."""

    def __init__(self, options: Options, video_dir: Path, counts: Counts) -> None:
        self._options, self._video_dir, self._counts = options, video_dir, counts
        self._limits = Limits(options.max_frames, options.strict_fields)
        self._style = sse.style_of(options.sse_style)
        context = switches.Context(options.seed, options.preload)
        self._nuisances = switches.make(options.nuisances, nuisances.NUISANCES, context)
        engine = Engine(options.slots, options.service_ms / 1e3, options.token_ms / 1e3, self._nuisances, counts)
        self._answer = cheats.chain(switches.make(options.cheats, cheats.CHEATS, context), engine.compute)
        self._ordinals = itertools.count()

    async def handle(self, request: Request, admitted: bool, outlet: Outlet) -> None:
        """Answer one request. `admitted`: whether it brings the key."""
        ordinal = next(self._ordinals)
        self._counts.received()
        try:
            call = self._understand(request, admitted)
            await self._admit(call, ordinal)
            await self._serve(call, self._delivery(ordinal), outlet)
        except Refused as refused:
            await outlet.send(error_reply(refused.status, refused.message, self._options.error_body))
            self._counts.errors += 1
        except asyncio.CancelledError:
            self._counts.aborted += 1
            raise
        finally:
            self._counts.in_flight -= 1
        await outlet.flushed()
        for nuisance in self._nuisances:
            nuisance.answered(self._counts.answered)

    def _understand(self, request: Request, admitted: bool) -> Call:
        if not admitted:
            raise Refused(401, "a valid API key is needed")
        call = parse(request.path, request.body, self._limits)
        self._counts.understood(call)
        return call

    async def _admit(self, call: Call, ordinal: int) -> None:
        try:
            for nuisance in self._nuisances:
                await nuisance.admit(call, ordinal)
        except Refused as refused:
            for nuisance in self._nuisances:
                refused = nuisance.refusal(refused)
            raise refused from None

    def _delivery(self, ordinal: int) -> Delivery:
        delivery = Delivery()
        for nuisance in self._nuisances:
            delivery = nuisance.deliver(delivery, ordinal)
        return delivery

    async def _serve(self, call: Call, delivery: Delivery, outlet: Outlet) -> None:
        if call.stream:
            served = await self._stream(call, delivery, outlet)
        else:
            served = await self._answer(call)
            await outlet.send(await self._reply(call, served.output), delivery)
        self._counts.hits += served.hit
        if delivery.malformed:
            self._counts.malformed += 1
        else:
            self._counts.completed += 1

    async def _reply(self, call: Call, output: Output) -> Reply:
        if isinstance(output, Text):
            return text_reply(call, output, self._options.model)
        if isinstance(output, Predictions):
            return json_reply({"predictions": list(output.values)})
        raw = self._options.raw_mp4
        path = await asyncio.to_thread(_store, self._video_dir, output) if wants_path(call) and not raw else None
        return video_reply(output, path, raw)

    async def _stream(self, call: Call, delivery: Delivery, outlet: Outlet) -> Served:
        events = sse.Stream(call, envelope(call, self._options.model), self._style)
        if not delivery.live:
            served = await self._answer(call)
            data = events.opening() + events.closing(_text(served.output))
            await outlet.send_stream(_EVENT_STREAM, data, delivery)
            return served
        live = _Live(events, outlet, delivery)
        served = await self._answer(replace(call, progress=live.advance))
        live.close(_text(served.output))
        return served


class _Live:
    """Sends events as they are due; the response's head leaves with the first token, as servers do it."""

    def __init__(self, events: sse.Stream, outlet: Outlet, delivery: Delivery) -> None:
        self._events, self._outlet, self._delivery = events, outlet, delivery
        self._opened = False

    def advance(self, text: Text, count: int) -> None:
        self._open()
        self._outlet.chunk(self._events.advance(text, count))

    def close(self, text: Text) -> None:
        self._open()
        self._outlet.chunk(self._events.closing(text))
        self._outlet.close()

    def _open(self) -> None:
        if not self._opened:
            self._opened = True
            self._outlet.open(_EVENT_STREAM, self._delivery)
            self._outlet.chunk(self._events.opening())


def _text(output: Output) -> Text:
    if not isinstance(output, Text):
        raise RuntimeError("only text is streamed")
    return output


def _store(directory: Path, video: Video) -> Path:
    # A cached video is stored already. Renamed, so that a path in an answer never names half a file.
    path = directory / f"{video.video_id}.mp4"
    if not path.exists():
        partial = path.with_suffix(f".{os.urandom(4).hex()}")
        partial.write_bytes(video.data)
        partial.replace(path)
    return path
