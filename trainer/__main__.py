"""python -m trainer: the command line. Progress goes to stderr, results to stdout."""

import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from index.errors import ArtifactError, SparseshelfError
from trainer.errors import TrainerError
from trainer.options import parsed

_MODULES = {"import": "import_matrix", "add-items": "add_items"}  # of commands that are no name in Python
EXIT_ARTIFACT, EXIT_TRAINING, EXIT_INTERRUPTED = 5, 6, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    options = parsed(arguments)
    quiet = getattr(options, "quiet", False)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING if quiet else logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        importlib.import_module(f"trainer.commands.{_MODULES.get(options.command, options.command)}").run(options)
        sys.stdout.flush()
    except TrainerError as error:
        return _failed(error, error.exit_code)
    except ArtifactError as error:
        return _failed(error, EXIT_ARTIFACT)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, SystemError) as error:
        if not _is_interruption(error):
            raise
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except MemoryError:
        print("error: the memory ran out; use a machine with more, or less data at a time", file=sys.stderr)
        return EXIT_TRAINING
    return 0


def _is_interruption(error: BaseException | None) -> bool:
    """A Ctrl-C that meets numba between two kernels comes out as SystemErrors that it caused."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _failed(error: SparseshelfError, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """`docker stop` is a Ctrl-C too."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
