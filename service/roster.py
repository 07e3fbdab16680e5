"""The workers of one service: what each of them serves, and the call that has all of them look for a version.

They share a folder of small files. A call is a byte more in one of them, which each worker sees within its next look;
what a worker says of itself is one file, replaced as a whole.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

_CALLS = "calls"


@dataclass(frozen=True)
class Report:
    """What a worker serves, why it serves no other version, and the last call that it has answered."""

    worker: int  # its process id
    version: str
    failure: str | None
    call: int


class Roster:
    """Of the workers that share `folder`; without one, of this process alone."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._calls, self._own = 0, None
        self._said: Report | None = None

    def call(self) -> int:
        """Has every worker look for a version; the number of the call."""
        if self.folder is None:
            self._calls += 1
            return self._calls
        with (self.folder / _CALLS).open("ab", buffering=0) as file:
            file.write(b".")
            return file.tell()

    def last_call(self) -> int:
        """How many calls there were."""
        if self.folder is None:
            return self._calls
        try:
            return (self.folder / _CALLS).stat().st_size
        except FileNotFoundError:
            return 0

    def say(self, *, version: str, failure: str | None, call: int) -> None:
        """What this worker serves from now on."""
        said = Report(os.getpid(), version, failure, call)
        if self.folder is not None and said != self._said:
            partial = self.folder / f".worker-{said.worker}"
            partial.write_text(json.dumps(asdict(said)), encoding="utf-8")
            os.replace(partial, self.folder / f"worker-{said.worker}.json")
        self._said = said

    def reports(self) -> list[Report]:
        """What every living worker said last, by process id."""
        if self.folder is None:
            return [] if self._said is None else [self._said]
        found = []
        for path in self.folder.glob("worker-*.json"):
            with suppress(FileNotFoundError):  # of a dead one, whose file another worker has taken away meanwhile
                report = Report(**json.loads(path.read_text(encoding="utf-8")))
                if _lives(report.worker):
                    found.append(report)
                else:
                    path.unlink()
        return sorted(found, key=lambda report: report.worker)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
