"""Values in, matplotlib figures out; no files.

One function for each figure of the recipe page's product table, all taking `FigureInputs`.  Importing this package imports
matplotlib (a third of a second of CPU), so import it where figures are wanted.
"""

from __future__ import annotations

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
