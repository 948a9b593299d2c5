"""Values in, figures and their documents out; no files.

One function for each figure of the recipe page's product table, all taking `FigureInputs`; each module is imported when it is asked for.
`soxspipe.plots.pdf.figure_as_pdf` makes a document of a figure.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soxspipe.plots.background import plot_background
    from soxspipe.plots.inputs import FigureInputs
    from soxspipe.plots.response import plot_response
    from soxspipe.plots.sky import middle_order, plot_sky_order, plot_sky_quicklook
    from soxspipe.plots.spectrum import plot_fluxed, plot_merged, plot_orders
    from soxspipe.plots.trace import plot_trace

__all__ = [
    "FigureInputs",
    "middle_order",
    "plot_background",
    "plot_fluxed",
    "plot_merged",
    "plot_orders",
    "plot_response",
    "plot_sky_order",
    "plot_sky_quicklook",
    "plot_trace",
]

_MODULES = {
    "FigureInputs": "inputs",
    "middle_order": "sky",
    "plot_background": "background",
    "plot_fluxed": "spectrum",
    "plot_merged": "spectrum",
    "plot_orders": "spectrum",
    "plot_response": "response",
    "plot_sky_order": "sky",
    "plot_sky_quicklook": "sky",
    "plot_trace": "trace",
}


def __getattr__(name: str) -> Any:
    """A figure's function, from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
