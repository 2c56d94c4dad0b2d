"""The same request with locust's fast client; the harness stops it after a number of seconds."""

from __future__ import annotations

from locust import FastHttpUser, task


class User(FastHttpUser):  # type: ignore[misc]  # locust brings no types
    @task  # type: ignore[untyped-decorator]
    def complete(self) -> None:
        self.client.post("/v1/completions", json={"prompt": "word " * 25})
