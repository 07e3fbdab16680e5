"""One zip archive over HTTP: resumed where it broke off, verified before it gets its name."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from trainer.datasets.meter import Meter, amount
from trainer.datasets.partial import Origin, Partial
from trainer.datasets.tables import Say
from trainer.errors import DataError

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
RETRIES = 4  # in a row that bring less than PROGRESS_BYTES
PROGRESS_BYTES = 1 << 20
PAUSE_SECONDS = 1.0  # before the first retry; twice as long before each further one
_SIGNATURE = b"PK"  # what a zip archive begins with
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # statuses of a server that may well answer later

Complaint = Callable[[Path], str | None]


class FetchError(DataError):
    """The network or the server is to blame: another source may do."""


class _BrokeOffError(Exception):
    """An attempt is over; another one may go on."""


def fetch(url: str, target: Path, complaint: Complaint, say: Say, *, quiet: bool = False) -> None:
    """Brings `url`, a zip archive, to `target`. What has come when it fails is kept; the next call goes on from there.

    `complaint` says what is wrong with the complete file, None for nothing. Raises FetchError where the network or the
    server is to blame, DataError where the disk is.
    """
    with Partial(target, say) as partial:
        if target.is_file():  # another process was faster
            return
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            _Download(client, url, partial, say, quiet=quiet).run(complaint)
        partial.finish()


class _Download:
    def __init__(self, client: httpx.Client, url: str, partial: Partial, say: Say, *, quiet: bool) -> None:
        self._client, self._url, self._partial, self._say, self._quiet = client, url, partial, say, quiet
        self._name = partial.target.name
        self._answered = False  # by any server, since this began

    def run(self, complaint: Complaint) -> None:
        partial = self._partial
        if partial.size and (partial.origin is None or partial.origin.url != self._url):
            partial.clear()
        pieced = partial.size > 0
        self._say(f"downloading {self._url}" + (f", from {amount(partial.size, None)} on" if partial.size else ""))
        pieced |= self._complete()
        wrong = complaint(partial.path)
        if wrong is not None and pieced:
            self._say(f"{self._name}: {wrong}; it came in several pieces, so once more from the start")
            partial.clear()
            self._complete()
            wrong = complaint(partial.path)
        if wrong is not None:
            partial.remove()
            raise FetchError(f"what {self._url} sent is not the file: {wrong}")

    def _complete(self) -> bool:
        """Attempts until everything is there; whether that took several. Raises FetchError after too many in vain."""
        failures, furthest, attempts = 0, self._partial.size, 0
        while not self._partial.complete:
            attempts += 1
            try:
                self._attempt()
                break
            except _BrokeOffError as error:
                if self._partial.size >= furthest + PROGRESS_BYTES:
                    failures, furthest = 0, self._partial.size
                failures += 1
                if failures > RETRIES:
                    raise FetchError(
                        f"{self._name} did not come to its end ({error}, {failures} times in a row); {self._so_far()}"
                    ) from error
                pause = PAUSE_SECONDS * 2 ** (failures - 1)
                self._say(f"{self._name}: {error}; {self._so_far()}; trying again in {pause:g} s")
                time.sleep(pause)
        return attempts > 1

    def _so_far(self) -> str:
        if not self._partial.size:
            return "nothing has come so far"
        total = self._partial.origin.total if self._partial.origin else None
        return f"{amount(self._partial.size, total)} have come and are kept"

    def _attempt(self) -> None:
        """One request for what is missing. Raises _BrokeOffError where another may help, FetchError where none will."""
        partial = self._partial
        headers = {"Accept-Encoding": "identity"}
        if partial.size and partial.origin is not None:
            headers["Range"] = f"bytes={partial.size}-"
            if partial.origin.validator is not None:
                headers["If-Range"] = partial.origin.validator
        try:
            with self._client.stream("GET", self._url, headers=headers) as response:
                self._answered = True
                self._take(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            if self._answered:
                raise _BrokeOffError(f"no connection, {_reason(error)}") from error
            raise FetchError(f"{_host(error, self._url)} could not be reached ({_reason(error)})") from error
        except httpx.TransportError as error:
            raise _BrokeOffError(_reason(error)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FetchError(f"{_host(error, self._url)} gave no usable answer ({_reason(error)})") from error

    def _take(self, response: httpx.Response) -> None:
        partial, status = self._partial, response.status_code
        if status == 416 and partial.size:
            total = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
            if total is not None and int(total[1]) == partial.size:  # its Content-Length had promised too much
                return
            partial.clear()
            raise _BrokeOffError("the server does not have what is missing; from the start")
        if status in _PASSING:
            raise _BrokeOffError(f"{response.url.host} answered {status} {response.reason_phrase}")
        if status not in (200, 206):
            raise FetchError(f"{response.url.host} answered {status} {response.reason_phrase} to {response.url}")
        origin = _origin(self._url, response)
        if status == 206 and not self._continues(response, origin):
            partial.clear()
            raise _BrokeOffError("the server sent another piece than was asked for; from the start")
        chunks = response.iter_bytes()
        if status == 200:
            chunks = _checked(chunks, response)
        if origin.total is not None:
            partial.check_space(origin.total - partial.size)
        if status == 200:
            partial.begin(origin)
        with Meter(self._name, partial.size, origin.total, self._say, quiet=self._quiet) as meter:
            for chunk in chunks:
                partial.write(chunk)
                meter.add(len(chunk))

    def _continues(self, response: httpx.Response, origin: Origin) -> bool:
        """Whether this is the rest, from the first missing byte to the last, of the same version of the file."""
        before, size = self._partial.origin, self._partial.size
        piece = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", ""))
        if before is None or piece is None or int(piece[1]) != size:
            return False
        total = before.total if piece[3] == "*" else int(piece[3])
        if before.total is not None and total != before.total:
            return False
        whole = total is None or (int(piece[2]) + 1 == total and origin.total in (None, total))
        same = origin.etag is None or before.etag is None or origin.etag == before.etag
        return whole and same


def _origin(url: str, response: httpx.Response) -> Origin:
    """What an answer says of the whole file; of a compressed answer's length nothing can be said."""
    length = response.headers.get("Content-Length", "")
    known = length.isdecimal() and response.headers.get("Content-Encoding", "identity") == "identity"
    total = int(length) if known else None
    if total is not None and response.status_code == 206:
        start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        total += int(start[1]) if start else 0
    return Origin(url, response.headers.get("ETag"), response.headers.get("Last-Modified"), total)


def _checked(chunks: Iterator[bytes], response: httpx.Response) -> Iterator[bytes]:
    """`chunks` again, once they are seen to begin as an archive does: a login page must not overwrite anything."""
    head = b""
    while len(head) < len(_SIGNATURE):
        chunk = next(chunks, b"")
        if not chunk:
            break
        head += chunk
    if not head.startswith(_SIGNATURE):
        kind = response.headers.get("Content-Type", "")
        page = "html" in kind or head.lstrip()[:1] == b"<"
        what = "a web page (does this network want a login?)" if page else "something that is no zip archive"
        raise FetchError(f"{response.url.host} sent {what} instead of {response.url}")

    def again() -> Iterator[bytes]:
        yield head
        yield from chunks

    return again()


def _host(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> str:
    """The host that a request went to, after all redirects."""
    try:
        return error.request.url.host if isinstance(error, httpx.HTTPError) else url
    except RuntimeError:  # there was no request
        return url


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
