"""python -m service: serves the current artifact of a folder."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from index.errors import ArtifactError
from service import check, configuration, keys_command
from service.app import create_app
from service.keys import KeysFileError
from service.listening import bound_socket, refused
from service.server import WORKERS, announcement, serve
from service.settings import Settings

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
        "SPARSESHELF_…, see docs/service.md.",
        epilog="`python -m service keys` makes, lists and removes API keys, `python -m service check` tries all "
        "that a start needs. "
        "exit codes: 0 stopped, 2 usage, 3 bad configuration or a port in use, 5 bad artifact",
    )
    parser.add_argument("--artifacts", type=Path, help="folder with CURRENT (SPARSESHELF_ARTIFACTS, artifacts)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    parser.add_argument("--workers", type=int, help="processes that answer side by side (SPARSESHELF_WORKERS, 1)")
    parser.add_argument("--no-auth", action="store_true", help="answer anyone on this machine (SPARSESHELF_NO_AUTH)")
    parser.add_argument("--check-port", action="store_true", help="only say whether the port is free")
    options = parser.parse_args(words)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        given = {"artifacts": options.artifacts, "workers": options.workers, "no_auth": options.no_auth or None}
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        if not options.check_port:
            for warning in configuration.warnings(settings, os.environ):
                logging.getLogger("service").warning(warning)
            if refusal := configuration.refusal(settings, options.host):
                return _failed(refusal, EXIT_CONFIGURATION)
        listening = bound_socket(options.host, options.port)
        if options.check_port:
            return 0
        app = create_app(settings)
    except ValidationError as error:
        reasons = (f"{variable}: {reason}" for variable, reason in configuration.invalid(error).items())
        return _failed("; ".join(reasons), EXIT_CONFIGURATION)
    except OSError as error:
        return _failed(refused(options.host, options.port, error), EXIT_CONFIGURATION)
    except KeysFileError as error:
        return _failed(f"SPARSESHELF_KEYS_FILE: {error}", EXIT_CONFIGURATION)
    except ValueError as error:
        return _failed(f"SPARSESHELF_REDIS_URL: {error}", EXIT_CONFIGURATION)
    except ArtifactError as error:
        listening.close()
        return _failed(str(error), EXIT_ARTIFACT)
    told = announcement(app.state.live.model, listening, settings)
    if settings.workers > 1:
        del app  # each worker makes its own
        serve(WORKERS, listening, settings, told)
    else:
        serve(app, listening, settings, told)
    return 0


def _failed(reason: str, code: int) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
