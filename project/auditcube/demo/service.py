"""The endpoint's routes, and who may use them."""

from __future__ import annotations

import hmac
from pathlib import Path

from auditcube.demo.answers import Reply, error_reply, json_reply
from auditcube.demo.counts import Counts
from auditcube.demo.generation import Generation
from auditcube.demo.options import Options
from auditcube.demo.parse import PATHS
from auditcube.demo.wire import Outlet, Request

_OTHER_PATHS = frozenset({"/health", "/stats", "/stats/reset", "/v1/models"})


class Service:
    """The endpoint behind the wire. `api_key`: what `/v1/` asks for, if anything. Made within the event loop."""

    def __init__(self, options: Options, video_dir: Path, api_key: str | None) -> None:
        self._options = options
        self._authorization = None if api_key is None else f"Bearer {api_key}".encode()
        self._counts = Counts()
        self._generation = Generation(options, video_dir, self._counts)

    async def handle(self, request: Request, outlet: Outlet) -> None:
        """Answer one request."""
        if request.method == "POST" and request.path in PATHS:
            await self._generation.handle(request, self._admits(request), outlet)
        else:
            await outlet.send(self._plain(request))

    def _plain(self, request: Request) -> Reply:
        match (request.method, request.path):
            case ("GET", "/health"):
                return json_reply({"status": "ok"})
            case ("GET", "/v1/models"):
                return self._models(request)
            case ("GET", "/stats"):
                return json_reply(self._counts.as_json())
            case ("POST", "/stats/reset"):
                self._counts.reset()
                return json_reply(self._counts.as_json())
        known = request.path in PATHS | _OTHER_PATHS
        return self._error(405 if known else 404, f"{request.method} {request.path} is not served here")

    def _models(self, request: Request) -> Reply:
        if not self._admits(request):
            return self._error(401, "a valid API key is needed")
        return json_reply({"object": "list", "data": [{"id": self._options.model, "object": "model"}]})

    def _admits(self, request: Request) -> bool:
        shown = request.headers.get("authorization", "").encode()
        return self._authorization is None or hmac.compare_digest(shown, self._authorization)

    def _error(self, status: int, message: str) -> Reply:
        return error_reply(status, message, self._options.error_body)
