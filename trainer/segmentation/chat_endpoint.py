"""A chat endpoint that speaks as OpenAI's does: questions over HTTP, within limits of time, bytes and requests.

The key goes to the address in SPARSESHELF_LLM_URL and nowhere else: not to where that redirects, into no log, no error
and no file. So of what the server or a library says only that is passed on which cannot hold the key.
"""

import json
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, NoReturn, Self

import httpx

from trainer.errors import ConfigurationError

logger = logging.getLogger(__name__)

URL, MODEL, KEY = "SPARSESHELF_LLM_URL", "SPARSESHELF_LLM_MODEL", "SPARSESHELF_LLM_KEY"
PARAMETERS: Mapping[str, Any] = {"temperature": 0, "max_tokens": 1024}  # some models think before they answer
FAILURES_IN_A_ROW = 3  # after which nothing more is asked
_EXAMPLE = "http://localhost:11434/v1"
_PASSING = (408, 425, 429)  # and 5xx: statuses of a server that may well answer later
_HERE = ("localhost", "127.0.0.1", "::1")
_TELLING = 6  # so many characters of a secret in a row are too many
_dice = random.SystemRandom()


@dataclass(frozen=True)
class Limits:
    requests: int = 1000
    connect_seconds: float = 10.0
    read_seconds: float = 90.0  # of silence; a model that is being loaded says nothing
    answer_seconds: float = 180.0
    body_bytes: int = 2**18
    retries: int = 3  # of a question
    pause_seconds: float = 1.0  # before the first retry; twice as long before each further one
    longest_pause_seconds: float = 60.0  # whatever Retry-After asks for

    def pause(self, retry: int, asked_for: float = 0.0) -> float:
        """Seconds before retry 0, 1, …: never twice the same, so that clients of one server spread."""
        backoff = self.pause_seconds * 2.0**retry * _dice.uniform(1.0, 1.5)
        return min(max(backoff, asked_for), self.longest_pause_seconds)


@dataclass(frozen=True)
class Address:
    """Where questions go. What may be secret is not in its repr."""

    url: httpx.URL = field(repr=False)
    model: str
    key: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """Without a query, which may hold a secret."""
        return str(self.url.copy_with(query=None))


class NoAnswerError(Exception):
    """Why a question has no answer, in a few words; `said` are the server's own, where there are any."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said


class _PassingError(NoAnswerError):
    """Another attempt may do; `seconds` is how long the server wants to be left alone."""

    def __init__(self, reason: str, said: str = "", *, seconds: float = 0.0) -> None:
        super().__init__(reason, said)
        self.seconds = seconds


def address_of(environment: Mapping[str, str]) -> Address:
    """What the three variables say. Raises ConfigurationError, which shows none of their values."""
    url, model, key = (environment.get(name, "").strip() for name in (URL, MODEL, KEY))
    if not url:
        raise ConfigurationError(f"--labels llm: set {URL} to the address of a chat endpoint, for instance {_EXAMPLE}")
    if not model or not model.isprintable():
        raise ConfigurationError(f"--labels llm: set {MODEL} to the name of a model that the endpoint has")
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in ("http", "https") or not base.host:
        raise ConfigurationError(f"{URL} must begin with http:// or https:// and a host, for instance {_EXAMPLE}")
    if base.userinfo:
        raise ConfigurationError(f"{URL} must not hold a user or a password; a key goes into {KEY}")
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError(f"{KEY} holds characters that no key has; set it anew")
    return Address(base.copy_with(path=base.path.rstrip("/") + "/chat/completions", fragment=None), model, key)


class ChatEndpoint:
    """Asks one question after another. Once nothing can come of it any more it says so and sends nothing further."""

    def __init__(self, address: Address, limits: Limits = Limits()) -> None:
        self.model = address.model
        self.n_sent = 0
        self._address, self._limits = address, limits
        self._stopped: str | None = None  # why
        self._reached, self._failures = False, 0
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        headers = {"Accept-Encoding": "identity"}  # or a few bytes could unfold to gigabytes
        if self._address.key:
            headers["Authorization"] = f"Bearer {self._address.key}"
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(self._limits.read_seconds, connect=self._limits.connect_seconds),
            follow_redirects=False,
            trust_env=self._address.url.host not in _HERE,  # a proxy elsewhere cannot reach this machine
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def body(self, question: str) -> dict[str, Any]:
        """All that decides the answer. The user asks, because some models know no other role."""
        return {"model": self.model, "messages": [{"role": "user", "content": question}], **PARAMETERS}

    def ask(self, body: Mapping[str, Any]) -> str:
        """What the model says, as it says it. Raises NoAnswerError."""
        if self._stopped is not None:
            raise NoAnswerError(self._stopped)
        try:
            answer = self._tried(body)
        except NoAnswerError as error:
            self._failures += 1
            if self._stopped is None and self._failures == FAILURES_IN_A_ROW:
                self._stop(str(error), f"{self._address.shown}: {FAILURES_IN_A_ROW} times in a row {error}{error.said}")
            raise
        self._failures = 0
        return answer

    def _tried(self, body: Mapping[str, Any]) -> str:
        for retry in range(self._limits.retries + 1):
            try:
                return self._sent(body)
            except _PassingError as error:
                if retry == self._limits.retries:
                    if not self._reached:
                        self._stop(
                            str(error),
                            f"{self._address.shown}: {error}; see that the server runs and that {URL} is right",
                        )
                    raise
                pause = self._limits.pause(retry, error.seconds)
                logger.info("the language model: %s; trying again in %.1f s", error, pause)
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _sent(self, body: Mapping[str, Any]) -> str:
        """One request. Raises _PassingError where another may do."""
        assert self._client is not None
        if self.n_sent >= self._limits.requests:
            spent = f"--llm-budget {self._limits.requests} is used up"
            self._stop(spent, f"{spent}; what was answered is kept, and a further run goes on from there")
        self.n_sent += 1
        try:
            with self._client.stream("POST", self._address.url, json=body) as response:
                self._reached = True
                content = self._read(response)
        except httpx.TimeoutException as error:
            raise _PassingError("no answer came in time") from error
        except (httpx.ConnectError, httpx.ProxyError) as error:
            raise _PassingError(f"no connection ({error})") from error
        except httpx.UnsupportedProtocol as error:
            raise NoAnswerError("no connection") from error
        except httpx.TransportError as error:  # its text may quote headers
            raise _PassingError(f"the connection broke ({type(error).__name__})") from error
        self._check(response, content)
        return _content(content)

    def _read(self, response: httpx.Response) -> bytes:
        """The body, up to where it becomes too long or too slow."""
        content = bytearray()
        end = time.monotonic() + self._limits.answer_seconds
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > self._limits.body_bytes or time.monotonic() > end:
                raise NoAnswerError("the answer did not come to its end")
        return bytes(content)

    def _check(self, response: httpx.Response, content: bytes) -> None:
        """Raises NoAnswerError for any status but 200, and stops where every further request would have the same."""
        status = response.status_code
        if status == 200:
            return
        reason = f"the server answered {status}"
        said = self._said(content)
        where = f"{self._address.shown} answers {status}{said}"
        if status in _PASSING or status >= 500:
            raise _PassingError(reason, said, seconds=_seconds(response.headers.get("Retry-After", "")))
        if status in (401, 403):
            self._stop(reason, f"{self._address.shown} answers {status}; set {KEY} to a key that it accepts")
        if status in (404, 405):
            self._stop(
                reason,
                f"{where}; see that {URL} is what comes before /chat/completions, as in {_EXAMPLE}, "
                f"and that the server has the model {self.model}",
            )
        if 300 <= status < 400:
            self._stop(reason, f"{where}, a redirection, which is not followed; set {URL} to where it leads")
        raise NoAnswerError(reason, said)

    def _said(self, content: bytes) -> str:
        """The server's own words about an error, in brackets, where it has any and they hold no part of a secret."""
        try:
            said = json.loads(content)["error"]
            text = str(said["message"] if isinstance(said, dict) else said)
        except (ValueError, RecursionError, LookupError, TypeError):
            return ""
        secrets = (self._address.key, self._address.url.query.decode(errors="replace"))
        if any(piece in text for secret in secrets for piece in _pieces(secret)):
            return ""
        shown = "".join(letter if letter.isprintable() else " " for letter in text[:200])
        return f" ({shown})"

    def _stop(self, reason: str, warning: str) -> NoReturn:
        self._stopped = reason
        logger.warning("%s. No more labels are asked for", warning)
        raise NoAnswerError(reason)


def _content(body: bytes) -> str:
    try:
        content = json.loads(body)["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        raise NoAnswerError("what came was no chat completion") from error
    if content is not None and not isinstance(content, str):
        raise NoAnswerError("what came was no chat completion")
    return content or ""


def _pieces(secret: str) -> set[str]:
    return {secret[start : start + _TELLING] for start in range(max(len(secret) - _TELLING, 0) + 1)} - {""}


def _seconds(retry_after: str) -> float:
    """How long from now: both forms of the header; 0 for anything else."""
    if retry_after.isdecimal() and retry_after.isascii():
        return float(retry_after[:9])
    try:
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max((then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
