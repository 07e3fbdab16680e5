"""What is said of an operation outside its route: its id in the OpenAPI document, the scope that its path asks for."""

from fastapi.routing import APIRoute

INTERFACE_FILES = "/ui"
"""Under which the files of the page at `/` are."""
OPEN = frozenset({"/", "/health/live", "/health/ready", "/docs", "/openapi.json"})
"""Paths that anyone may ask for, beside INTERFACE_FILES."""
ALWAYS_ANSWERED = frozenset({"/metrics"})
"""Paths that ask for a key and nothing else: neither rate nor a free place. Under load they are needed most."""
_SCOPES = (("/users/", "write"), ("/admin/", "admin"), ("/metrics", "metrics"))


def operation_id(route: APIRoute) -> str:
    """The name of the function, which is that of the client's method as well."""
    return route.name


def is_open(path: str) -> bool:
    """Whether anyone may ask for a path."""
    return path in OPEN or path.startswith(f"{INTERFACE_FILES}/")


def scope_of(path: str) -> str:
    """The scope that a key must have, of a path that is not open."""
    return next((scope for prefix, scope in _SCOPES if path.startswith(prefix)), "read")
