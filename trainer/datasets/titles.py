"""MovieLens' titles, as people say them."""

import re

_ARTICLES = r"The|An?|L'|L[aeo]s?|Il|Das|Der|Die|El|Un[ea]?"


def readable_title(title: str) -> str:
    """MovieLens sorts by title, "Birdcage, The (1996)"; people read "The Birdcage (1996)"."""
    title = re.sub(r"\s+", " ", title).strip()
    match = re.fullmatch(rf"(?P<name>[^(]+?), (?P<article>{_ARTICLES})(?P<rest>( \(.*)?)", title)
    if match is None:
        return title
    space = "" if match["article"].endswith("'") else " "
    return f"{match['article']}{space}{match['name']}{match['rest']}"


def year_of(title: str) -> float | None:
    """The last year in parentheses; of "(1975-1979)" the first."""
    found = re.findall(r"\((\d{4})(?:[-–]\d{0,4} ?)?\)", title)
    return float(found[-1]) if found else None
