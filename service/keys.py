"""API keys: a file of digests, read again when it changes.

A line is a name, the scopes, separated by commas, and the SHA-256 of the key in hexadecimal; empty lines and lines that
begin with # are skipped, and so is a byte order mark of UTF-8. A key is 256 random bits, which nobody guesses and no
table lists: a plain digest is enough, where a password would need a slow one.
"""

import codecs
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)

SCOPES = ("read", "write", "admin", "metrics")
LOOKED_AT_EVERY_SECONDS = 1.0

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class KeysFileError(Exception):
    """The file of keys cannot be used. The message names file and line, never what stands there."""


@dataclass(frozen=True)
class Key:
    """Whom a key belongs to, and what it opens. The key itself is not kept, and its digest not shown."""

    name: str
    scopes: frozenset[str]
    digest: bytes = field(repr=False)

    @property
    def line(self) -> str:
        return f"{self.name} {','.join(scope for scope in SCOPES if scope in self.scopes)} {self.digest.hex()}\n"


def new_key(name: str, scopes: frozenset[str]) -> tuple[str, Key]:
    """A key to hand out, and what is kept of it. Raises KeysFileError where the name could not stand in a file."""
    if not _NAME.fullmatch(name):
        raise KeysFileError("a name has 1 to 64 letters, digits, '.', '_' and '-'")
    secret = secrets.token_urlsafe(32)
    return secret, Key(name, scopes, hashlib.sha256(secret.encode()).digest())


def read_keys(file: Path) -> tuple[Key, ...]:
    """The keys of a file. Raises KeysFileError."""
    try:
        content = file.read_bytes()
    except PermissionError as error:
        raise KeysFileError(f"{file} cannot be read by this user (chmod a+r lets all)") from error
    except OSError as error:
        raise KeysFileError(f"{file} cannot be read ({error.strerror})") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise KeysFileError(f"{file} is UTF-16: save it as UTF-8 (PowerShell: -Encoding utf8)")
    keys: dict[str, Key] = {}
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), 1):
        words = line.decode("ascii", "replace").split()
        if not words or words[0].startswith("#"):
            continue
        key = _parsed(words)
        if key is None:
            raise KeysFileError(f"{file}, line {number}: a name, scopes ({', '.join(SCOPES)}) and a SHA-256 go here")
        if key.name in keys or any(other.digest == key.digest for other in keys.values()):
            raise KeysFileError(f"{file}, line {number}: this name or this key stands above already")
        keys[key.name] = key
    return tuple(keys.values())


def _parsed(words: list[str]) -> Key | None:
    if len(words) != 3 or not _NAME.fullmatch(words[0]) or not _DIGEST.fullmatch(words[2]):
        return None
    scopes = frozenset(words[1].split(","))
    return Key(words[0], scopes, bytes.fromhex(words[2])) if scopes.issubset(SCOPES) else None


class KeyRing:
    """The keys of a file as it is now, or was before it broke. Raises KeysFileError where it is broken at first."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.file, self.clock = file, clock
        self._state = self._file_state()
        self._keys = self._read()
        self._looked_at = clock()

    def find(self, presented: bytes) -> Key | None:
        """The key that was presented. How long that takes says neither which it is nor how much of it is right."""
        self._look_again()
        digest = hashlib.sha256(presented).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.digest, digest):
                found = key
        return found

    def _look_again(self) -> None:
        now = self.clock()
        if now - self._looked_at < LOOKED_AT_EVERY_SECONDS:
            return
        self._looked_at = now
        state = self._file_state()
        if state == self._state:
            return
        self._state = state
        try:
            self._keys = self._read()
        except KeysFileError as error:
            logger.warning("%s; the keys of before stay valid", error)
        else:
            logger.info("%d keys in %s", len(self._keys), self.file)

    def _read(self) -> tuple[Key, ...]:
        keys = read_keys(self.file)
        if not keys:
            logger.warning("%s holds no key: nobody is answered until `python -m service keys add` adds one", self.file)
        return keys

    def _file_state(self) -> tuple[int, int, int] | None:
        try:
            found = self.file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
