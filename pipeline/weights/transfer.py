"""One request over HTTP for the rest of a file: where it goes on, what is refused, why it ended.

The standard library alone: proxies are those of the environment (``https_proxy``), certificates those of the system.
"""

import http.client
import re
import shutil
import ssl
import urllib.error
import urllib.request
from io import FileIO
from os import SEEK_END
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.progress import Transfer, volume
from pipeline.weights.partials import Origin

BLOCK = 1 << 18
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that another try may mend."""
LARGEST = 8 * 10**9
"""Bytes that are taken at most for a file whose size nobody published."""
_HEADERS = {"User-Agent": "affect-cache", "Accept-Encoding": "identity"}
_PAGES = (b"<!doctype", b"<html", b"<?xml", b'{"', b"version https://git-lfs")
"""What files begin with that are served in place of the one asked for."""


class Broken(Exception):  # noqa: N818 (a transfer that broke; the command line never shows it)
    """Why a transfer ended. again: whether another try may mend it. unreachable: the server never answered."""

    def __init__(self, reason: str, again: bool, unreachable: bool = False, wait: float = 0) -> None:
        super().__init__(" ".join(reason.split()))
        self.again, self.unreachable, self.wait = again, unreachable, wait


def resume(url: str, file: FileIO, note: Path, sha256: str, stall: float, published: int) -> str:
    """Append to ``file`` what it lacks of ``url``, or start it again where the server cannot go on.

    note: keeps the file's Origin. sha256: as far as known; without it, bytes are only added to those that the server
    itself vouches for. stall: seconds without a byte after which the server is given up.
    published: the file's bytes, about; 0 when not known. Much more than that is another file, and is not taken.
    Returns the sha256 that the server names, "" when it names none. Raises: Broken; what came is kept.
    """
    origin, have = Origin.read(note), file.seek(0, SEEK_END)
    validator = origin.validator if origin.url == url else ""
    if have and not validator and not sha256:
        have = _empty(file)
    headers = _HEADERS | ({"Range": f"bytes={have}-"} if have else {})
    if have and validator:
        headers["If-Range"] = validator
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=stall) as response:
            return _receive(response, url, file, note, sha256, validator, published)
    except urllib.error.HTTPError as error:
        with error:
            return _refused(error, file, have)
    except (OSError, http.client.HTTPException) as error:
        raise _lost(error, stall) from error
    except ValueError as error:
        raise Broken(f"the address cannot be asked: {error}", again=False) from error


def _receive(response: Any, url: str, file: FileIO, note: Path, sha256: str, validator: str, published: int) -> str:
    have = file.seek(0, SEEK_END)
    _check_headers(response)
    start, total = _extent(response)
    most, too_much = limit(published)
    if total is not None and total > most:
        raise Broken(f"the server announces {volume(total)}, {too_much}", again=False)
    now = _validator(response)
    if start != have or (start and validator and now and now != validator):
        _empty(file)
        if start:
            raise Broken("the file on the server is another one than before; it is begun anew", again=True)
        have = 0
    if total is None and not sha256 and not response.chunked:
        raise Broken("the server does not say how long the file is, and its hash is not known", again=False)
    _check_space(note.parent, 0 if total is None else total - have)
    try:
        Origin(url, now).write(note)
    except OSError as error:
        raise _unwritable(error) from error
    progress = Transfer(note.name.partition(".partial")[0], have, total)
    try:
        _pour(response, file, progress, most - have, too_much)
    except http.client.IncompleteRead:  # as newer Pythons say that a counted answer ended early
        if total is None:
            raise
    finally:
        progress.close()
    if total is not None and have + progress.came != total:
        raise Broken(f"closed after {have + progress.came} of {total} bytes", again=True)
    _check_kind(file)
    return str(getattr(response, "linked", ""))


def _pour(response: Any, file: FileIO, progress: Transfer, room: int, too_much: str) -> None:
    while block := response.read1(BLOCK):
        if progress.came + len(block) > room:
            _empty(file)
            raise Broken(f"the server sends {too_much}", again=False)
        _write(file, block)
        progress.step(len(block))


def limit(published: int) -> tuple[int, str]:
    """Bytes that are taken at most, and what is said of more."""
    most = published * 11 // 10 or LARGEST
    why = "a tenth above its published size" if published else "the most that is taken where no size is published"
    return most, f"more than {volume(most)}, {why}: another file"


def _check_headers(response: Any) -> None:
    kind, encoding = response.headers.get("Content-Type", ""), response.headers.get("Content-Encoding", "identity")
    if kind.startswith("text/html"):
        raise Broken("the server sends a web page (text/html) in its place", again=False)
    if encoding != "identity":
        raise Broken(f"the server sends it encoded ({encoding}), which was not asked for", again=False)


def _extent(response: Any) -> tuple[int, int | None]:
    """Where the answer's bytes begin in the file, and how long the file is."""
    length = response.headers.get("Content-Length", "")
    if response.status != 206:
        return 0, int(length) if length.isdecimal() else None
    start, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    first = start.partition("-")[0]
    if not first.isdecimal():
        raise Broken(f"answers with a part of the file, but not which ({start!r})", again=False)
    return int(first), int(total) if total.isdecimal() else None


def _validator(response: Any) -> str:
    """A strong ETag, else the date; what If-Range takes."""
    etag = str(response.headers.get("ETag", ""))
    return etag if etag.startswith('"') else str(response.headers.get("Last-Modified", ""))


def _refused(error: urllib.error.HTTPError, file: FileIO, have: int) -> str:
    """After an error's status. Returns as ``resume`` when the file was whole already."""
    if error.code == 416 and have:
        if error.headers.get("Content-Range", "") == f"bytes */{have}":
            _check_kind(file)
            return ""
        _empty(file)
        raise Broken("has no bytes beyond those that are here; it is begun anew", again=True)
    wait = error.headers.get("Retry-After", "")
    raise Broken(
        f"the server says {error.code} {error.reason}",
        again=error.code in PASSING,
        wait=float(wait) if wait.isdecimal() else 0,
    )


def _lost(error: Exception, stall: float) -> Broken:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Broken(f"the server's certificate is refused: {reason.verify_message}", again=False, unreachable=True)
    text = str(getattr(reason, "strerror", "") or reason) or type(reason).__name__
    if isinstance(error, urllib.error.URLError):
        if isinstance(reason, TimeoutError):
            text = f"no answer in {stall:g} s"
        again = isinstance(reason, OSError)
        return Broken(f"the server cannot be reached: {text}", again, unreachable=True)
    if isinstance(error, TimeoutError):
        return Broken(f"stalled: not a byte in {stall:g} s", again=True)
    return Broken(f"the connection broke: {text}", again=True)


def _check_space(folder: Path, wanted: int) -> None:
    if wanted > (free := shutil.disk_usage(folder).free):
        raise Broken(f"the disk is too full: {volume(wanted)} to come, {volume(free)} free", again=False)


def _check_kind(file: FileIO) -> None:
    file.seek(0)
    head = file.read(64).lstrip().lower()
    file.seek(0, SEEK_END)
    if not head or head.startswith(_PAGES):
        _empty(file)
        told = f"what the server sends begins with {head[:24].decode(errors='replace')!r}" if head else "it is empty"
        raise Broken(f"{told}: no checkpoint", again=False)


def _write(file: FileIO, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        try:
            rest = rest[file.write(rest) :]
        except OSError as error:
            raise _unwritable(error) from error


def _unwritable(error: OSError) -> Broken:
    return Broken(f"cannot be written: {error.strerror}", again=False)


def _empty(file: FileIO) -> int:
    file.truncate(0)
    return file.seek(0)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https, never from https to http; remembers the hash that a hub names on the way."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            fp.close()
            raise Broken(f"leads from {req.type} to {newurl.partition('?')[0]}, which is not followed", again=False)
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None:
            linked = headers.get("X-Linked-ETag", "").strip('"')  # of small files no sha256
            known = linked if re.fullmatch("[0-9a-f]{64}", linked) else getattr(req, "linked", "")
            request.linked = known  # type: ignore[attr-defined]
        return request

    def https_response(self, request: Any, response: Any) -> Any:
        """Hands the hash on to the answer."""
        response.linked = getattr(request, "linked", "")
        return response

    http_response = https_response
