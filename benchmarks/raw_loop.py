"""The latency that is there without a client: blocking sockets in threads. `python raw_loop.py URL REQUESTS IN_FLIGHT`.

Prints the median and the 99.9th percentile in nanoseconds.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from urllib.parse import urlsplit

BODY = b'{"prompt":"' + b"word " * 25 + b'"}'


def send(requests: int, latencies: list[int]) -> None:
    url = urlsplit(sys.argv[1])
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection((url.hostname, url.port or 80)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            start = time.monotonic_ns()
            sock.sendall(head.encode() + BODY)
            sock.recv(65536)
            latencies.append(time.monotonic_ns() - start)


def main() -> None:
    latencies: list[int] = []
    requests, in_flight = int(sys.argv[2]), int(sys.argv[3])
    threads = [threading.Thread(target=send, args=(requests // in_flight, latencies)) for _ in range(in_flight)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies.sort()
    print(latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.999)])


if __name__ == "__main__":
    main()
