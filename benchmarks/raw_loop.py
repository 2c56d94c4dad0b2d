"""The latency that is there without a client: plain sockets in one thread.

    python raw_loop.py URL REQUESTS IN_FLIGHT

Prints the median and the 99.9th percentile in nanoseconds.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

BODY = b'{"prompt":"' + b"word " * 25 + b'"}'


def connect(host: str, port: int) -> socket.socket:
    sock = socket.create_connection((host, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def main() -> None:
    url, requests, in_flight = urlsplit(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    selector = selectors.DefaultSelector()
    issued: dict[socket.socket, int] = {}

    def send(sock: socket.socket) -> None:
        issued[sock] = time.monotonic_ns()
        sock.sendall(request)

    for _ in range(in_flight):
        sock = connect(url.hostname or "", url.port or 80)
        selector.register(sock, selectors.EVENT_READ, sock)
        send(sock)
    latencies: list[int] = []
    while len(latencies) < requests:
        for key, _ in selector.select():
            sock = key.data
            if not sock.recv(65536):
                raise SystemExit("the server closed the connection")
            latencies.append(time.monotonic_ns() - issued[sock])
            send(sock)
    latencies.sort()
    print(latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.999)])


if __name__ == "__main__":
    main()
