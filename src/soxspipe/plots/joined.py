"""Both arms of a target in one figure."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.calibrations import TelluricBands
from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.datamodel.spectrum import JoinedSpectrum
from soxspipe.plots.decimate import bin_spectrum, object_limits
from soxspipe.plots.edges import draw_edges
from soxspipe.plots.paper import Figure
from soxspipe.plots.style import DASHED, draw_binned, few_ticks, new_figure, shade_bands, stack_axes
from soxspipe.plots.words import MUTED, power_of_ten

_EMPTY = int(SpectrumFlag.NO_DATA | SpectrumFlag.SATURATED | SpectrumFlag.TELLURIC_SATURATED)


def plot_joined(joined: JoinedSpectrum, bands: TelluricBands, *, title: str, subtitle: str) -> Figure:
    """Draw flux and error over all wavelengths, with the telluric bands and the place where the arms meet.

    Parameters
    ----------
    joined : JoinedSpectrum
        The spectrum.
    bands : TelluricBands
        To shade.
    title, subtitle : str
        Target, and what is said of it.
    """
    figure = new_figure(title, subtitle)
    (panel,) = stack_axes(figure, (1.0,))
    good = (joined.quality & _EMPTY) == 0
    exponent = (
        int(np.floor(np.log10(np.median(np.abs(joined.flux[good]))))) if good.any() and np.median(np.abs(joined.flux[good])) > 0 else 0
    )
    unit = 10.0**exponent
    arms = [arm for arm in (~joined.from_red, joined.from_red) if arm.any()]
    binned = [bin_spectrum(joined.wavelength_nm[arm], joined.flux[arm] / unit, joined.error[arm] / unit, good=good[arm]) for arm in arms]
    for one in binned:
        draw_binned(panel, one)
    mean, error, place = (np.concatenate([getattr(one, name) for one in binned]) for name in ("mean", "error", "wavelength_nm"))
    low, high = object_limits(mean, error, good=~bands.contains(place))
    panel.set_ylim(low, high)
    panel.axvline(joined.join_nm, color=MUTED, lw=0.7, dash=DASHED)
    low_nm, high_nm = float(joined.wavelength_nm[0]), float(joined.wavelength_nm[-1])
    shade_bands(panel, bands, low_nm, high_nm)
    panel.set_xlim(low_nm, high_nm)
    panel.set_xlabel("wavelength in air (nm)")
    panel.set_ylabel(f"flux density ({power_of_ten(exponent)} erg s⁻¹ cm⁻² Å⁻¹)")
    few_ticks(panel, x=9, y=5)
    return draw_edges(figure)
