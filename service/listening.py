"""The socket that the service listens on."""

import errno
import socket


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


def refused(host: str, port: int, error: OSError) -> str:
    """Why there is no such socket, in a line."""
    other = "--host" if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL else "--port"
    return f"{host}:{port} cannot be listened on ({error.strerror}); choose another {other}"
