"""What is said of an operation outside its route: its id in the OpenAPI document, the scope that its path asks for."""

from fastapi.routing import APIRoute

OPEN = frozenset({"/health/live", "/health/ready", "/docs", "/openapi.json"})
"""Paths that anyone may ask for."""
ALWAYS_ANSWERED = frozenset({"/metrics"})
"""Paths that ask for a key and nothing else: neither rate nor a free place. Under load they are needed most."""
_SCOPES = (("/users/", "write"), ("/admin/", "admin"), ("/metrics", "metrics"))


def operation_id(route: APIRoute) -> str:
    """The name of the function, which is that of the client's method as well."""
    return route.name


def scope_of(path: str) -> str:
    """The scope that a key must have, of a path that is not open."""
    return next((scope for prefix, scope in _SCOPES if path.startswith(prefix)), "read")
