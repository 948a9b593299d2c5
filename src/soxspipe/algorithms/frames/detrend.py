"""Subtract bias and dark, count the photon noise of what is left, divide by the flat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, Image, IntArray
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.numerics.robust import running_mean

SAME_EXPOSURE_S = 0.5
"""Real headers write the same exposure time with differences of some milliseconds."""
SLIT_HALF_PX = 7
"""Tilted lines move by two or three pixels over as much of the slit, less than they are wide."""
HOT = 4.0
"""Times the middle of its row along the slit: no sky varies as much along it."""
MOST_DEFECTS = 0.1
"""Detectors in use have a few defects per thousand pixels; between orders lies a third of SOXS's frames and more."""
FLAT_SIGNIFICANCE = 5.0
"""A response that is not known to 20 % only adds noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pedestal:
    """Electrons that are not light of the scene: bias and dark.

    Attributes
    ----------
    electrons, variance : ndarray of float, shape (ny, nx)
        Sum of bias and (scaled) dark, and its variance.
    dark_photons : ndarray of float, shape (ny, nx)
        The part that carries shot noise of its own in the science frame.
    bad : ndarray of bool, shape (ny, nx)
        Pixels that a master calibration flags.
    """

    electrons: Image
    variance: Image
    dark_photons: Image
    bad: BoolImage


def make_pedestal(exptime_s: float, masters: Masters, shape: tuple[int, int]) -> Pedestal:
    """Combine master bias and dark into what is to be subtracted from an exposure of `exptime_s`.

    A dark of the same exposure time (within 0.5 s), or one that does not scale with time, holds the bias already and is subtracted
    alone.  Of a dark whose level and rate are known, those of `exptime_s` are.  Otherwise the bias, if there is one, is taken out of
    the dark before the dark is scaled, and subtracted from the frame as well.

    Parameters
    ----------
    exptime_s : float
        Time of one integration.
    masters : Masters
        Bias and dark; each may be absent.
    shape : tuple of int
        Of the frame.

    Returns
    -------
    Pedestal
        Zeros where there is neither.
    """
    bias, dark = masters.bias, masters.dark
    electrons = np.broadcast_to(pedestal_level(exptime_s, masters), shape)
    return Pedestal(
        electrons=electrons,
        variance=np.broadcast_to(_pedestal_variance(exptime_s, bias, dark, masters), shape),
        dark_photons=np.broadcast_to(_dark_photons(exptime_s, electrons, masters), shape),
        bad=bad_in_masters(masters, shape),
    )


def of_sky(pedestal: Pedestal) -> Pedestal:
    """A pedestal that is one exposure of the sky, whose noise is counted on the mean of its neighbours along the slit.

    The counts of one exposure say how noisy a pixel is only together with their own noise: weights made of them favour pixels that came
    out low in the off-frame, object and sky unequally, and a faint object loses some per cent.

    Parameters
    ----------
    pedestal : Pedestal
        Cut to the window of an order, the slit along axis 1.

    Returns
    -------
    Pedestal
        Pixels far noisier than their neighbours, which are hot, keep their own.
    """
    return replace(pedestal, variance=_steady(pedestal.variance), dark_photons=_steady(pedestal.dark_photons))


def _steady(values: Image) -> Image:
    """Mean over the neighbours along axis 1; what is `HOT` times that stays."""
    own = np.asarray(values, dtype=np.float64)
    middle = np.median(own, axis=1, keepdims=True)
    usual = own < HOT * np.maximum(middle, 1.0)
    mean, count = running_mean(own.T, usual.T, SLIT_HALF_PX)
    return np.where(usual & (count.T > 0), mean.T, own)


def pedestal_level(exptime_s: float, masters: Masters) -> Image | np.float64:
    """Electrons of `make_pedestal` alone; one number where there is neither bias nor dark."""
    level = _master_level(exptime_s, masters)
    return level + np.float32(masters.offset_e) if masters.offset_e else level  # without a copy of the frame


def _master_level(exptime_s: float, masters: Masters) -> Image | np.float64:
    """What bias and dark say of it."""
    bias_level = np.float64(0.0) if masters.bias is None else masters.bias.electrons
    if masters.dark is None:
        return bias_level
    if _same_time(masters.dark, exptime_s):
        return masters.dark.electrons
    if masters.dark_law is not None:
        return masters.dark_law.electrons(exptime_s)
    if not masters.dark_scales_with_time:
        return masters.dark.electrons
    return (masters.dark.electrons - bias_level) * (exptime_s / masters.dark.exptime_s) + bias_level


def _pedestal_variance(exptime_s: float, bias: AnyFrame | None, dark: AnyFrame | None, masters: Masters) -> Image | np.float64:
    if dark is None:
        return np.float64(0.0) if bias is None else bias.variance
    if _same_time(dark, exptime_s):
        return dark.variance
    scale = exptime_s / dark.exptime_s
    if masters.dark_law is not None:  # the rate's error grows with time, the level's does not; the larger of the two is taken
        return dark.variance * max(scale, 1.0) ** 2
    if not masters.dark_scales_with_time:
        return dark.variance
    return dark.variance * scale**2 + (np.float64(0.0) if bias is None else bias.variance * (1.0 - scale) ** 2)


def _dark_photons(exptime_s: float, electrons: Image, masters: Masters) -> Image | np.float64:
    """Charge of the dark that has shot noise of its own in one integration."""
    if masters.dark is None:
        return np.float64(0.0)
    if masters.dark_law is not None:
        return np.maximum(masters.dark_law.rate * np.float32(exptime_s), 0.0)
    quiet = np.float32(masters.quiet_level_e + masters.offset_e)
    without = quiet if masters.bias is None else masters.bias.electrons + quiet
    return np.maximum(electrons - without, 0.0)


def bad_in_masters(masters: Masters, shape: tuple[int, int]) -> BoolImage:
    """True for pixels that the master bias or dark flags."""
    bad = np.zeros(shape, dtype=bool)
    for master in (masters.bias, masters.dark):
        if master is not None:
            bad |= master.flags != 0
    return bad


def defects_of_flat(flat: AnyFrame | None, shape: tuple[int, int]) -> BoolImage:
    """True for pixels that the master flat flags, as long as they are few: a flat may also flag all that it does not light.

    Parameters
    ----------
    flat : Frame or None
        Master flat.
    shape : (int, int)
        Of the result.

    Returns
    -------
    ndarray of bool, shape `shape`
        All False where there is no flat, or where it flags more than `MOST_DEFECTS` of its pixels.
    """
    flagged = np.zeros(shape, dtype=bool) if flat is None else flat.flags != 0
    return flagged if np.mean(flagged) < MOST_DEFECTS else np.zeros(shape, dtype=bool)


def _same_time(dark: AnyFrame, exptime_s: float) -> bool:
    """Whether a dark was exposed as long as the frame, or for a time that is not known."""
    return abs(exptime_s - dark.exptime_s) <= SAME_EXPOSURE_S or dark.exptime_s <= 0


def subtract_pedestal(frame: Frame, pedestal: Pedestal) -> Frame:
    """Subtract bias and dark; the variance gains that of the masters and the dark's own shot noise, but no photon noise yet.

    Parameters
    ----------
    frame : Frame
        Stacked electrons with the variance of the read noise.
    pedestal : Pedestal
        Of the same shape.

    Returns
    -------
    Frame
        Light of the scene, with the variance of everything but that light's own photons.
    """
    shot = pedestal.dark_photons / exposures(frame)
    flags = np.array(frame.flags)
    flags[pedestal.bad] |= np.uint8(PixelFlag.BAD)
    return replace(frame, electrons=frame.electrons - pedestal.electrons, variance=frame.variance + pedestal.variance + shot, flags=flags)


def exposures(frame: Frame) -> Image | IntArray | float:
    """Integrations averaged in each pixel, over all exposures: what photon noise of the mean is to be divided by."""
    return float(frame.n_exposures) * frame.integrations if frame.counts is None else frame.counts * frame.integrations


def add_photon_noise(frame: Frame) -> Frame:
    """Add the shot noise of the light, counted on the data smoothed over 3 x 3 pixels; later steps replace it by the model's."""
    smooth = np.array(frame.electrons)
    for axis in (0, 1):
        smooth = (np.roll(smooth, 1, axis) + smooth + np.roll(smooth, -1, axis)) / 3.0
    return replace(frame, variance=frame.variance + np.maximum(smooth, 0.0) / exposures(frame))


def divide_by_flat(frame: Frame, flat: AnyFrame) -> Frame:
    """Divide by the master flat.

    Pixels whose flat is not `FLAT_SIGNIFICANCE` sigma above zero are set to 0 and flagged LOW_FLAT; a low flat alone is no reason,
    its variance says it.

    Parameters
    ----------
    frame, flat : Frame
        Electrons and relative response, of one shape.

    Returns
    -------
    Frame
        D / F with the variance V / F^2 + D^2 V_F / F^4.
    """
    usable = flat.electrons > FLAT_SIGNIFICANCE * np.sqrt(flat.variance)
    divisor = np.where(usable, flat.electrons, 1.0)
    flags = np.array(frame.flags)
    flags[flat.flags != 0] |= np.uint8(PixelFlag.BAD)
    flags[~usable] |= np.uint8(PixelFlag.LOW_FLAT)
    electrons = np.where(usable, frame.electrons / divisor, 0.0)
    variance = (frame.variance + electrons**2 * flat.variance) / divisor**2
    return replace(frame, electrons=electrons, variance=variance, flags=flags)


def detrend(frame: Frame, masters: Masters, *, use_flat: bool = True) -> Frame:
    """Bias, dark, photon noise and flat in one call.

    Parameters
    ----------
    frame : Frame
        Prepared or stacked exposure.
    masters : Masters
        Those that are there are used.
    use_flat : bool
        Divide by the flat if there is one.

    Returns
    -------
    Frame
        Calibrated electrons with their full variance.
    """
    lit = add_photon_noise(subtract_pedestal(frame, make_pedestal(frame.exptime_s, masters, frame.shape)))
    return divide_by_flat(lit, masters.flat) if use_flat and masters.flat is not None else lit
