"""Follows CURRENT: a new version is opened and warmed aside, and then answers.

Where it is broken the last good one goes on answering, and the log, the metrics and /health/ready say so.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from index import artifact
from index.errors import ArtifactError
from service import metrics
from service.live import LiveModel, OpenedVersion
from service.roster import Report, Roster

logger = logging.getLogger(__name__)
_LONGEST_PAUSE_SECONDS = 60.0  # between two tries of a version that cannot be opened
_CALL_SECONDS = 0.1  # between two looks for a call
_PATIENCE_SECONDS = 30.0  # for which the other workers' answers to a call are waited for


class ReloadFailedError(Exception):
    """A worker goes on answering from another version than CURRENT names."""


@dataclass(frozen=True)
class _Refused:
    """A version that could not be opened: what CURRENT said, why, and when it is tried again."""

    pointer: object
    reason: str
    pause_seconds: float
    again_at: float


class Following:
    """Keeps a live model at the version that CURRENT names, looked at every `seconds` and when a call comes."""

    def __init__(self, live: LiveModel, artifacts: Path, roster: Roster, *, seconds: float) -> None:
        self.live, self.artifacts, self.roster, self.seconds = live, artifacts, roster, seconds
        self._refused: _Refused | None = None
        self._looking = asyncio.Lock()
        self._answered, self._told = 0, True

    @property
    def failure(self) -> str | None:
        """Why the version that CURRENT names does not answer; None where it does."""
        return None if self._refused is None else self._refused.reason

    async def follow(self) -> None:
        """Until it is cancelled. Whatever a look ends in, the next one comes."""
        next_look = 0.0
        while True:
            call = self.roster.last_call()
            if call > self._answered or time.monotonic() >= next_look:
                await self._look_and_tell(call)
                next_look = time.monotonic() + self.seconds
            await asyncio.sleep(_CALL_SECONDS)

    async def reload(self) -> list[Report]:
        """Has every worker look now, whatever it tried before; what they serve then. Silence is a failure."""
        call = self.roster.call()
        await self._look_and_tell(call)
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until and any(report.call < call for report in self.roster.reports()):
            await asyncio.sleep(_CALL_SECONDS / 2)
        silent = f"no word of it within {_PATIENCE_SECONDS:g} s"
        return [
            report if report.call >= call else replace(report, failure=report.failure or silent)
            for report in self.roster.reports()
        ]

    async def _look_and_tell(self, call: int) -> None:
        async with self._looking:
            try:
                await self._look(again=call > self._answered)
            except Exception as error:  # one that nobody thought of must not end the following
                logger.exception("looking for a version failed")
                metrics.model_reloaded("failed")
                self._refused = _Refused(None, f"{type(error).__name__}, see the log", self.seconds, 0.0)
            self._answered = max(call, self._answered)
            self._tell()

    def _tell(self) -> None:
        """What cannot be told now, on a full disk, is told after the next look."""
        try:
            self.roster.say(version=self.live.version, failure=self.failure, call=self._answered)
        except OSError as error:
            if self._told:
                logger.warning("%s: what this worker serves cannot be told (%s)", self.roster.folder, error.strerror)
            self._told = False
        else:
            self._told = True

    async def _look(self, *, again: bool) -> None:
        pointer = await asyncio.to_thread(_pointer, self.artifacts)
        refused = self._refused
        if refused is not None and refused.pointer == pointer and not again and time.monotonic() < refused.again_at:
            return
        began = time.monotonic()
        try:
            version = await asyncio.to_thread(artifact.current_version, self.artifacts)
            opened = None if version == self.live.version else await asyncio.to_thread(self._opened, version)
        except ArtifactError as error:
            self._refuse(pointer, str(error))
            return
        except Exception as error:  # too little memory, say: to open it takes seconds of a core, each time
            logger.exception("a version failed as it was opened")
            self._refuse(pointer, f"{type(error).__name__}, see the log")
            return
        self._refused = None
        if opened is not None:
            before = self.live.version
            self.live.replace(opened)
            metrics.models_served(self.live.served)
            metrics.model_reloaded("ok")
            logger.info("version %s answers, after %s; opened in %.2f s", version, before, time.monotonic() - began)

    def _opened(self, version: str) -> OpenedVersion:
        opened = OpenedVersion.of(self.artifacts, version)
        opened.recommender.warm_up()
        return opened

    def _refuse(self, pointer: object, reason: str) -> None:
        metrics.model_reloaded("failed")
        reason = reason.replace(f"{self.artifacts}/", "")
        before = self._refused
        if before is None or before.pointer != pointer or before.reason != reason:
            logger.error("%s; version %s goes on answering", reason, self.live.version)
            pause = self.seconds
        else:
            pause = min(2 * before.pause_seconds, _LONGEST_PAUSE_SECONDS)
        self._refused = _Refused(pointer, reason, pause, time.monotonic() + pause)


def _pointer(artifacts: Path) -> object:
    """What changes when CURRENT is written; None where it is not there."""
    try:
        found = (artifacts / artifact.CURRENT).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
