"""The page in a real browser: what it shows, and that it asks for nothing and complains of nothing."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from auditcube.report import render, render_review
from report.cases import CONFIG, MS, make_manifest, make_run, verdict

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")]
OPTIONS = (
    *(
        "--headless",
        "--hide-scrollbars",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    # A page's own console goes to standard error, and nothing but this machine can be reached.
    *("--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom"),
)
# Shows the page as a telephone would, and says how wide it wants to be.
TELEPHONE = b"""<!doctype html><iframe src="/report.html" style="width:390px;height:800px;border:0"></iframe>
<script>onload = () => {
  const root = document.querySelector("iframe").contentDocument.documentElement;
  document.title = `wants ${root.scrollWidth} of ${root.clientWidth}`;
}</script>"""
CURIOUS = b"<!doctype html><img src='/picture.png'><script>console.error('complaint'); fetch('/more')</script>"

Show = Callable[[dict[str, bytes], str], "Shown"]


class Shown:
    """What came of a page: its document, what it wrote to the console, and what the server was asked for."""

    def __init__(self, dom: str, log: str, asked: list[str]) -> None:
        self.dom = dom
        self.console = [line for line in log.splitlines() if ":CONSOLE" in line]
        self.asked = asked


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Show]:
    """Serves pages by path, opens one in the browser, and waits until it is loaded."""
    pages: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def open_page(given: dict[str, bytes], path: str) -> Shown:
        pages.update(given)
        url = f"http://127.0.0.1:{server.server_port}{path}"
        command = [str(BROWSER), *OPTIONS, f"--user-data-dir={tmp_path}", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return Shown(done.stdout, done.stderr, asked)

    yield open_page
    server.shutdown()
    thread.join()
    server.server_close()


def report(benchmark: str = "wan2.2-t2v-a14b") -> bytes:
    made = make_run([MS, 5 * MS, 90 * MS] * 20, failed=[3, 40], errors=("x" * 4000,))
    audit = make_run([MS] * 60, "test04")
    manifest = make_manifest(verdict("FAIL"), benchmark=benchmark)
    return render(manifest, CONFIG, {"reference": made, "test04": audit})


def test_the_verdict_is_shown_without_a_request_or_a_complaint(show: Show) -> None:
    shown = show({"/report.html": report()}, "/report.html")
    assert "<strong>FAIL</strong>" in shown.dom
    assert shown.dom.count("<svg") == 5
    assert shown.console == []
    assert shown.asked == ["/report.html"]


@pytest.mark.parametrize("benchmark", ["wan2.2-t2v-a14b", "<script>document.title = 'caught'</script>" + "W" * 4000])
def test_a_telephone_need_not_scroll_sideways(show: Show, benchmark: str) -> None:
    shown = show({"/report.html": report(benchmark), "/": TELEPHONE}, "/")
    assert "<title>wants 390 of 390</title>" in shown.dom


def test_a_review_fits_too_and_asks_for_nothing(show: Show) -> None:
    told = {"path": "a/" + "b" * 300, "task": "audit", "benchmark": "<i>" * 90, "claim_status": "public",
            "manifest_sha256": "0" * 64, "exit_code": 5, "outcomes": {}}  # fmt: skip
    finding = {"code": "events", "path": "a" * 300, "pointer": "/b", "message": "c " * 300, "fix": "d"}
    page = render_review(
        "tree", {"exit_code": 5, "results": [told], "findings": [finding] * 3}, {"a": [verdict("FAIL")]}
    )
    shown = show({"/report.html": page, "/": TELEPHONE}, "/")
    assert "<title>wants 390 of 390</title>" in shown.dom
    assert shown.console == []
    assert shown.asked[:2] == ["/", "/report.html"]  # the telephone page, which is not ours, also wants an icon
    assert set(shown.asked) <= {"/", "/report.html", "/favicon.ico"}


def test_a_request_or_a_complaint_would_be_noticed(show: Show) -> None:
    shown = show({"/curious.html": CURIOUS}, "/curious.html")
    assert any("complaint" in line for line in shown.console)
    assert {"/picture.png", "/more"} <= set(shown.asked)
