"""How plots look, and how they become the bytes of a file.

Text is drawn as paths, so that a plot looks the same wherever it is shown; the background is white on dark pages too;
the same numbers give the same bytes. It needs matplotlib (the extra `report`).
"""

import io
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, RED, PURPLE, GRAY = "#0072B2", "#D55E00", "#CC79A7", "#777777"
COLOURS = (RED, BLUE, GREEN, ORANGE, PURPLE, SKY, BLACK)
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "sparseshelf",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "text.parse_math": False,  # a data set may be named $x$
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.labelcolor": "#222222",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "errorbar.capsize": 2.5,
}


def rendered(draw: Callable[[], Figure | None], form: str = "svg") -> bytes:
    """A plot as the bytes of a file of matplotlib's format `form`; none where there is nothing to draw."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of what is named in another script
        mpl.rcdefaults()  # whatever somebody's matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = draw()
        if figure is None:
            return b""
        file = io.BytesIO()
        metadata = {"Date": None, "Creator": None} if form == "svg" else None
        figure.savefig(file, format=form, metadata=metadata, facecolor="white", bbox_inches="tight", pad_inches=0.12)
    return file.getvalue()
