"""python -m service: serves the current artifact of a folder."""

import argparse
import contextlib
import gc
import ipaddress
import json
import shlex
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from index.errors import ArtifactError
from index.model import Model
from index.search import rank
from service import keys_command, logs
from service.app import create_app
from service.connection import MAX_HEAD_BYTES, bounded
from service.keys import KeysFileError
from service.live import LiveModel
from service.settings import Settings
from service.tracing import TracingError

EXIT_CONFIGURATION, EXIT_ARTIFACT = 3, 5

_WITHOUT_KEYS = (
    "there are no keys: make one with `python -m service keys add NAME --file keys.txt` and set "
    "SPARSESHELF_KEYS_FILE=keys.txt"
)
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  who listens on every address is heard on this one


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop; returns the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["keys"]:
        return keys_command.main(words[1:])
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve the current artifact of a folder. Every other setting is an environment variable "
        "SPARSESHELF_…, see docs/service.md.",
        epilog="`python -m service keys` makes, lists and removes API keys. "
        "exit codes: 0 stopped, 2 usage, 3 bad configuration or a port in use, 5 bad artifact",
    )
    parser.add_argument("--artifacts", type=Path, help="folder with CURRENT (SPARSESHELF_ARTIFACTS, artifacts)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
    parser.add_argument("--no-auth", action="store_true", help="answer anyone on this machine (SPARSESHELF_NO_AUTH)")
    parser.add_argument("--check-port", action="store_true", help="only say whether the port is free")
    options = parser.parse_args(words)
    try:
        given = {"artifacts": options.artifacts, "no_auth": options.no_auth or None}
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
        logs.configure(settings)
        if not options.check_port and (refusal := _refusal(settings, options.host)):
            return _failed(refusal, EXIT_CONFIGURATION)
        listening = bound_socket(options.host, options.port)
        if options.check_port:
            return 0
        app = create_app(settings)
    except ValidationError as error:
        return _failed(
            "; ".join(
                f"SPARSESHELF_{_name(e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
            ),
            EXIT_CONFIGURATION,
        )
    except OSError as error:
        reason = f"{options.host}:{options.port} cannot be listened on ({error.strerror}); choose another --port"
        return _failed(reason, EXIT_CONFIGURATION)
    except KeysFileError as error:
        return _failed(f"SPARSESHELF_KEYS_FILE: {error}", EXIT_CONFIGURATION)
    except TracingError as error:
        return _failed(f"SPARSESHELF_TRACING: {error}", EXIT_CONFIGURATION)
    except ValueError as error:
        return _failed(f"SPARSESHELF_REDIS_URL: {error}", EXIT_CONFIGURATION)
    except ArtifactError as error:
        listening.close()
        return _failed(str(error), EXIT_ARTIFACT)
    _serve(app, listening, settings)
    return 0


def _refusal(settings: Settings, host: str) -> str | None:
    """Why the service must not start as it is asked to: whoever can reach it could ask it."""
    if settings.keys_file is not None:
        return None
    reached = settings.published_on or host
    if not _is_loopback(reached):
        in_compose = " (docker compose: KEYS=./keys.txt)" if settings.published_on else ""
        return f"{_WITHOUT_KEYS}{in_compose}; --no-auth is for loopback addresses, and {reached} is none"
    if not settings.no_auth:
        return f"{_WITHOUT_KEYS}, or pass --no-auth to answer anyone on this machine"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket bound to the address, so that a port in use is said before anything is loaded. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off for sockets that name TCP only; with it on every answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(2048)
    except (OSError, OverflowError) as error:
        bound.close()
        raise error if isinstance(error, OSError) else OSError(0, "a port lies between 0 and 65535") from error
    return bound


def _serve(app: FastAPI, listening: socket.socket, settings: Settings) -> None:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=bounded(settings.header_seconds),
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            ws="none",
            server_header=False,
            access_log=False,
            log_config=None,
        )
    )
    url = _url(listening, settings)
    header = "" if settings.keys_file is None else '-H "authorization: Bearer $KEY" '
    threading.Thread(target=_announce, args=(app.state.live, server, url, header), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has shut down gracefully by then
        server.run(sockets=[listening])


def _url(listening: socket.socket, settings: Settings) -> str:
    """Where this machine reaches the service."""
    host, port = listening.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    port = settings.published_port or port
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(live: LiveModel, server: uvicorn.Server, url: str, header: str) -> None:
    """Once there is an answer to be had, says where."""
    live.wait_until_ready()
    gc.collect()
    gc.freeze()  # what is there now stays: to look through it for garbage takes 50 to 100 ms each time
    while not server.started:
        time.sleep(0.01)
    print(f"sparseshelf serves {len(live.model.vocabulary):,} items on {url} (documentation at {url}/docs). Try:\n")
    print("\n".join(example_calls(live.model, url, header)), end="\n\n", flush=True)


def example_calls(model: Model, url: str, header: str) -> list[str]:
    """Three curl lines with items that this model holds: the three best-known ones."""
    rows = rank(model.popularity.astype("float64"), 3).rows
    history = [model.vocabulary.item_id(row) for row in rows]
    bodies = {
        "recommend": {"history": history, "n": 5},
        "segments": {"history": history, "n": 5},
        "homepage": {"history": history, "shelves": 4, "items_per_shelf": 6},
    }
    return [
        f"curl -s {url}/{route} {header}-H 'content-type: application/json' -d {shlex.quote(json.dumps(body))}"
        for route, body in bodies.items()
    ]


def _name(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else ""


def _failed(reason: str, code: int) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
