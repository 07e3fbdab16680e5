"""Why fewer items came back than were asked for: which limits leave no more."""

from collections.abc import Mapping


def shortfall(found: int, n: int, n_items: int, limits: Mapping[str, bool]) -> str | None:
    """A sentence that names the `limits` that were given, None where `n` were found."""
    if found >= n:
        return None
    given = ", ".join(name for name, there in limits.items() if there)
    return f"{found} of {n}: {given} leave no more of the {n_items} items"
