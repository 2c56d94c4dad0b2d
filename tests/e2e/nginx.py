"""Debian's nginx as a real server process, with a configuration of a test's own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from e2e.commands import wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_HTTP = """
{user} worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  proxy_cache_path {folder}/answers keys_zone=answers:4m;
  server {{
    listen 127.0.0.1:{port} {listen};
    {server}
  }}
}}
"""


class Nginx:
    """One server on a free port; use it in `with`. `listen` are options of its socket, `server` what it does."""

    def __init__(self, folder: Path, server: str, listen: str = "") -> None:
        assert NGINX is not None
        with socket.create_server(("127.0.0.1", 0)) as unused:
            self.port: int = unused.getsockname()[1]
        folder.mkdir()
        # Its workers would else be of a user who may not enter the folder of a test.
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(_HTTP.format(user=user, folder=folder, port=self.port, listen=listen, server=server))
        self._process = subprocess.Popen([NGINX, "-c", config], stderr=subprocess.DEVNULL)

    def __enter__(self) -> Nginx:
        wait_until("nginx listens", 10, self._listens)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
