"""An HTTP server for downloads that go right and wrong: each request takes the next of the manners set for its path."""

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


class FileServer(ThreadingHTTPServer):
    """files: name -> bytes. manners: name -> how the next requests are met, "right" once they are used up.

    right: ranges, ETag, If-Range. breaks, stalls: half of what is left. drips: so many bytes, then a break.
    plain: neither ranges nor validator. deaf: ranges, but If-Range is not heard. page: HTML. chunked: no length.
    long: a length beyond the bytes. dated: ranges, validated by date. mute: neither length nor chunks.
    A number: that status. A tuple: redirect to the address, with headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.manners: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.asked: list[tuple[str, str | None]] = []
        self.release = Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about."""


@contextmanager
def serving() -> Iterator[FileServer]:
    """A server on a free port of this machine."""
    with FileServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        self.server.asked.append((name, self.headers["Range"]))
        manners = self.server.manners[name]
        manner = manners.popleft() if manners else "right"
        if isinstance(manner, tuple):
            return self._say(302, {"Location": manner[0], "Content-Length": "0"} | manner[1])
        if manner == "page":
            return self._say(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>log in first</html>")
        if isinstance(manner, int) or name not in self.server.files:
            return self._say(manner if isinstance(manner, int) else 404, {"Content-Length": "0"})
        return self._serve(manner, self.server.files[name])

    def _serve(self, manner: str, data: bytes) -> None:
        etag = f'"{sha256(data).hexdigest()[:12]}"'
        date = f"Mon, 01 Jan 2024 00:{sha256(data).digest()[0] % 60:02d}:{sha256(data).digest()[1] % 60:02d} GMT"
        if manner == "chunked":
            self.protocol_version = "HTTP/1.1"
            self._say(200, {"Transfer-Encoding": "chunked", "Connection": "close"})
            return self._chunks(data)
        if manner.startswith("plain") or manner == "mute":
            self._say(200, {} if manner == "mute" else {"Content-Length": str(len(data))})
            start, told = 0, ""
        else:
            told = date if "dated" in manner else etag
            start = self._start(told, len(data), manner == "deaf")
            if start and start == len(data):
                return self._say(416, {"Content-Range": f"bytes */{len(data)}", "Content-Length": "0"})
            headers = {"Last-Modified": date} if "dated" in manner else {"ETag": etag}
            headers["Content-Length"] = str(len(data) - start + (9 if manner == "long" else 0))
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._say(206 if start else 200, headers)
        if "breaks" in manner or "stalls" in manner:
            self.wfile.write(data[start : (start + len(data)) // 2])
            if "stalls" in manner:
                self.server.release.wait(30)
            return None
        if found := re.fullmatch(r"drips (\d+)", manner):
            self.wfile.write(data[start : start + int(found[1])])
            return None
        self.wfile.write(data[start:])
        return None

    def _start(self, told: str, length: int, deaf: bool) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if not found or (not deaf and self.headers["If-Range"] not in (None, told)):
            return 0
        return min(int(found[1]), length)

    def _chunks(self, data: bytes) -> None:
        for part in (data[:1000], data[1000:]):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def _say(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass
