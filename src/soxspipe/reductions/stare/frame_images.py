"""Full frames, sky model and diagnostics of a reduction, made of its orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder
from soxspipe.algorithms.extraction.solve_orders import SolvedOrders
from soxspipe.algorithms.orders.windows import middle_wavelength
from soxspipe.datamodel.arrays import BoolArray, FlagArray, FloatArray
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.models import SkyModel, SkyOrder
from soxspipe.datamodel.stored_frame import AnyFrame, StoredFrame
from soxspipe.datamodel.stored_image import StoredImage
from soxspipe.io.stored import store
from soxspipe.numerics.medians import quick_median
from soxspipe.numerics.robust import mad_sigma

LEAST_LIT = 0.2
"""A row with fewer good pixels than this share of its window is a dark end of the order, which the flat does not light; no measurement is recorded."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameImages:
    """Full frames that the products show, in temporary files: each is looked at by one product or figure at a time."""

    detrended: StoredImage
    sky_subtracted: StoredFrame
    residual_sigma: StoredImage
    sky: StoredImage
    sky_variance: StoredImage


def paint_frames(solved: SolvedOrders, known_flags: FlagArray, exptime_s: float) -> FrameImages:
    """Full frames from the cut-outs: 0 outside orders (residuals: NaN); flags are those known before and those found on orders."""
    flags = np.array(known_flags)
    for order in solved.orders:
        _raise_flags(flags, order)
    shown = [_Shown(extracted=order, lit=~_dark(order)[:, None]) for order in solved.orders]
    places = [order.data.window.index[order.data.window.inside] for order in solved.orders]

    def painted(plane: Callable[[_Shown], FloatArray], outside: float = 0.0) -> StoredImage:
        """One image of all orders; painted in memory, because a file that is mapped for every order costs more than painting it."""
        image = np.full(flags.shape, outside, np.float32)
        for order, place in zip(shown, places, strict=True):
            image.reshape(-1)[place] = plane(order)[order.extracted.data.window.inside].astype(np.float32)
        return store(image)

    return FrameImages(
        detrended=painted(lambda order: order.electrons),
        sky_subtracted=StoredFrame(
            stored=(painted(lambda order: order.light), painted(lambda order: order.total_variance), store(flags)), exptime_s=exptime_s
        ),
        residual_sigma=painted(lambda order: order.residual, np.nan),
        sky=painted(lambda order: order.sky),
        sky_variance=painted(lambda order: order.sky_variance),
    )


def with_flag(flags: FlagArray, windows: Sequence[OrderWindow], found: Sequence[BoolArray], flag: PixelFlag) -> FlagArray:
    """Flags of the frame with what was found on orders, cosmic rays for example."""
    raised = np.array(flags)
    for window, pixels in zip(windows, found, strict=True):
        raised.reshape(-1)[window.index[pixels & window.inside]] |= np.uint8(flag)
    return raised


def _raise_flags(flags: FlagArray, extracted: ExtractedOrder) -> None:
    """Add to the frame's flags what was found out about an order's pixels."""
    index, inside = extracted.data.window.index, extracted.data.window.inside
    view = flags.reshape(-1)
    view[index[inside & extracted.rejection.bright]] |= np.uint8(PixelFlag.COSMIC_RAY)
    view[index[inside & extracted.rejection.rejected & ~extracted.rejection.bright]] |= np.uint8(PixelFlag.OUTLIER)
    unusable = index[inside & ~extracted.data.good & ~_dark(extracted)[:, None]]
    view[unusable[view[unusable] == 0]] |= np.uint8(PixelFlag.LOW_FLAT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shown:
    """What the frames hold of one order, shape of the window; sky and its share of the variance only where the flat lights the order.

    Attributes
    ----------
    extracted : ExtractedOrder
        The order.
    lit : ndarray of bool, shape (n_disp, 1)
        Dispersion pixels that the flat lights.
    """

    extracted: ExtractedOrder
    lit: BoolArray

    @property
    def electrons(self) -> FloatArray:
        """Flattened electrons, with the light of lines that change along the slit."""
        own, uneven = self.extracted.data.electrons, self.extracted.uneven
        return own if uneven is None else own + uneven.electrons

    @property
    def sky(self) -> FloatArray:
        """Model of the sky."""
        return np.where(self.lit, self.extracted.whole_sky, 0.0)

    @property
    def sky_variance(self) -> FloatArray:
        """Of the model."""
        return np.where(self.lit, self.extracted.sky_variance, 0.0)

    @property
    def light(self) -> FloatArray:
        """Electrons above the sky."""
        return self.electrons - self.sky

    @property
    def total_variance(self) -> FloatArray:
        """Of the light."""
        return np.where(self.lit, self.extracted.variance + self.extracted.sky_variance, 0.0)

    @property
    def residual(self) -> FloatArray:
        """What the object's model leaves of the light, in sigma."""
        model = np.nan_to_num(self.extracted.flux)[:, None] * self.extracted.shares
        return (self.light - model) / np.sqrt(np.maximum(self.total_variance, 1e-30))


def _free(extracted: ExtractedOrder) -> BoolArray:
    """Pixels of sky and object alone: good, not rejected, and of no other object; shape of the window."""
    free = extracted.data.good & ~extracted.rejection.rejected
    return free if extracted.masked is None else free & ~extracted.masked


def _dark(extracted: ExtractedOrder) -> BoolArray:
    """Dispersion pixels that the flat does not light: no part of the order, shape (n_disp,)."""
    window = extracted.data.window
    return np.asarray(extracted.data.good.sum(axis=1) < LEAST_LIT * np.maximum(window.inside.sum(axis=1), 1))


def sky_model(solved: SolvedOrders, frames: FrameImages, failures: Mapping[int, str]) -> SkyModel:
    """The sky of all orders, as image and as splines."""
    orders = tuple(_sky_order(order) for order in solved.orders if order.sky_fit is not None)
    return SkyModel(electrons=frames.sky, variance=frames.sky_variance, orders=orders, failures=dict(failures))


def _sky_order(extracted: ExtractedOrder) -> SkyOrder:
    fit = extracted.sky_fit
    if fit is None:
        raise ValueError("an order without a sky fit has no sky solution")
    window = extracted.data.window
    centre = middle_wavelength(window)
    known = np.isfinite(centre)
    grid = np.arange(float(window.b_px[known][0]), float(window.b_px[known][-1]), 0.5)
    z = (extracted.data.electrons - extracted.sky - np.nan_to_num(extracted.flux)[:, None] * extracted.shares) / np.sqrt(extracted.variance)
    used = _free(extracted) & (extracted.shares < 0.01)
    bright = extracted.sky > 15.0 * np.sqrt(extracted.variance)
    values = fit.spline(grid, np.zeros(grid.size))
    return SkyOrder(
        order=window.order,
        u_px=grid,
        wavelength_nm=np.interp(grid, window.b_px[known], centre[known]),
        electrons=values,
        knots_px=fit.spline.knots,
        illumination=fit.spline.illumination,
        shift_rms_px=float(np.sqrt(np.mean(fit.spline.shift**2))) if fit.spline.shift.size else 0.0,
        chi_lines=mad_sigma(z[used & bright]),
        chi_continuum=mad_sigma(z[used & ~bright]),
        n_used=int(used.sum()),
        n_rejected=int(extracted.rejection.rejected.sum()),
    )


def uneven_wavelengths(solved: SolvedOrders) -> list[float]:
    """Middle of each stretch whose lines change along the slit, nm, ascending."""
    found: list[float] = []
    for order in solved.orders:
        if order.uneven is not None:
            window = order.data.window
            centre = middle_wavelength(window)
            known = np.isfinite(centre)
            middles = [0.5 * (low + high) for low, high in order.uneven.intervals]
            found += [float(nm) for nm in np.interp(middles, window.b_px[known], centre[known])]
    return sorted(found)


def stack_rejected(stacked: AnyFrame) -> int:
    """Pixels of which at least one exposure was left out."""
    return 0 if stacked.counts is None else int(np.sum(stacked.counts < stacked.n_exposures))


def diagnostics(solved: SolvedOrders, stacked: AnyFrame) -> dict[str, float]:
    """Numbers for quality control that only the intermediate values tell."""
    empty = np.concatenate(
        [((e.data.electrons - e.sky) / np.sqrt(e.variance + e.sky_variance))[_free(e) & (e.shares < 1e-3)] for e in solved.orders]
    )
    aperture = [float(np.sum(np.maximum(e.shares, 0.0)[e.data.good]) / max(np.sum(np.maximum(e.shares, 0.0)), 1e-9)) for e in solved.orders]
    return {
        "stack_rejected_pixels": float(stack_rejected(stacked)),
        "cosmic_ray_pixels": float(sum(int((e.rejection.bright & e.data.window.inside).sum()) for e in solved.orders)),
        "outlier_pixels": float(sum(int((e.rejection.rejected & ~e.rejection.bright).sum()) for e in solved.orders)),
        "saturated_pixels": float(np.count_nonzero(stacked.flags & np.uint8(PixelFlag.SATURATED))),
        "empty_sky_chi": mad_sigma(empty),
        "empty_sky_median_sigma": quick_median(empty) if empty.size else float("nan"),
        "uneven_lines": float(sum(len(e.uneven.intervals) for e in solved.orders if e.uneven is not None)),
        "usable_profile_share": float(np.median(aperture)) if aperture else float("nan"),
    }
