"""python -m service: serves the current artifact of a folder."""

import argparse
import gc
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from pydantic import ValidationError

from index.errors import ArtifactError
from service import check, configuration, keys_command, logs
from service.app import create_app
from service.keys import KeysFileError
from service.listening import bound_socket, refused
from service.server import WORKERS, announcement, serve
from service.settings import Settings
from service.tracing import TracingError

EXIT_CONFIGURATION, EXIT_ARTIFACT = 3, 5
_COMMANDS = {"keys": keys_command.main, "check": check.main}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop; returns the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words and (command := _COMMANDS.get(words[0])) is not None:
        return command(words[1:])
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve the current artifact of a folder. Every other setting is an environment variable "
        "SPARSESHELF_…, see docs/operating.md.",
        epilog="`python -m service keys` makes, lists and removes API keys, `python -m service check` tries all "
        "that a start needs. "
        "exit codes: 0 stopped (one process by SIGTERM: 143), 2 usage, 3 bad configuration or a port in use, "
        "5 bad artifact",
    )
    parser.add_argument("--artifacts", type=Path, help="folder with CURRENT (SPARSESHELF_ARTIFACTS, artifacts)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    parser.add_argument("--workers", type=int, help="processes that answer side by side (SPARSESHELF_WORKERS, 1)")
    parser.add_argument("--no-auth", action="store_true", help="answer anyone on this machine (SPARSESHELF_NO_AUTH)")
    parser.add_argument("--no-ui", action="store_true", help="without the page at / (SPARSESHELF_UI)")
    parser.add_argument("--check-port", action="store_true", help="only say whether the port is free")
    options = parser.parse_args(words)
    try:
        prepared = _prepared(options)
    except (ValidationError, OSError, KeysFileError, TracingError, ValueError, ArtifactError) as error:
        return _failed(*_reason(error, options))
    if prepared is None:
        return 0
    settings, listening, app = prepared
    told = announcement(app.state.live.model, app.state.live.version, listening, settings)
    several = settings.workers > 1
    if several:
        del prepared, app  # each worker makes its own
        gc.collect()  # an app is in cycles, and holds all of the model, whose files would stay when they are deleted
    return serve(WORKERS if several else app, listening, settings, told)


def _prepared(options: argparse.Namespace) -> tuple[Settings, socket.socket, FastAPI] | None:
    """All that can go wrong before anything is served; None where only the port was to be tried."""
    given = {"artifacts": options.artifacts, "workers": options.workers, "no_auth": options.no_auth or None}
    given |= {"ui": False if options.no_ui else None}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    logs.configure(settings)
    if options.check_port:
        bound_socket(options.host, options.port).close()
        return None
    for warning in configuration.warnings(settings, os.environ):
        logging.getLogger("service").warning(warning)
    if refusal := configuration.refusal(settings, options.host):
        raise _RefusedError(refusal)
    listening = bound_socket(options.host, options.port)
    try:
        return settings, listening, create_app(settings)
    except BaseException:
        listening.close()
        raise


class _RefusedError(ValueError):
    """What is asked for must not be served like this."""


def _reason(error: Exception, options: argparse.Namespace) -> tuple[str, int]:
    """A line that says what to do, and the exit code."""
    match error:
        case ArtifactError():
            return str(error), EXIT_ARTIFACT
        case ValidationError():
            reasons = (f"{variable}: {reason}" for variable, reason in configuration.invalid(error).items())
            return "; ".join(reasons), EXIT_CONFIGURATION
        case KeysFileError():
            return f"SPARSESHELF_KEYS_FILE: {error}", EXIT_CONFIGURATION
        case TracingError():
            return f"SPARSESHELF_TRACING: {error}", EXIT_CONFIGURATION
        case _RefusedError():
            return str(error), EXIT_CONFIGURATION
        case OSError():
            return refused(options.host, options.port, error), EXIT_CONFIGURATION
        case _:
            return f"SPARSESHELF_REDIS_URL: {error}", EXIT_CONFIGURATION


def _failed(reason: str, code: int) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
