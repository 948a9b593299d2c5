"""The object's spatial profile, in distance from its trace.

Light per arcsec at the pixel's centre, already averaged over the pixel, is measured in cells of distance and dispersion, all orders
together.  A Moffat function whose width follows a power of wavelength is fitted first; a spline of deviations from it is added with
priors relative to the Moffat, in steps: common to all orders, changing with wavelength, and particular to an order.  A faint object
thus ends with the Moffat, a bright one with its own profile.  Negative wings are kept: clipping noise at zero costs light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from soxspipe.algorithms.objects.fit_moffat import GRID_ARCSEC, SLOPE, fit_moffat
from soxspipe.algorithms.objects.moffat import BETA, Moffat
from soxspipe.algorithms.objects.point_source import SmearedStar
from soxspipe.algorithms.objects.profile_cells import CHUNKS, Chunks, chunks_of, measure_cells
from soxspipe.algorithms.objects.profile_deviations import REACH_FWHM, Deviations, fit_deviations, flux_untold
from soxspipe.algorithms.orders.order_data import OrderData
from soxspipe.algorithms.orders.windows import rows_px_per_arcsec, slit_ends
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.geometry import OrderWindow
from soxspipe.datamodel.spectrum import SlitProfile
from soxspipe.datamodel.trace import ObjectTrace, OrderTrace
from soxspipe.numerics.lookup import between
from soxspipe.numerics.medians import quick_median

BEYOND_SLIT_ARCSEC = 6.0
"""Of the tables of the profile: an object at one end of the slit has its wings there."""
ROUNDS = 2
"""A second round sees what the first profile has let pass."""
OFF_SLIT_ARCSEC = 1e3
"""Distance of pixels that are no part of an order: beyond any table."""
LEAST_ON_SLIT = 0.05
"""Of the light of a typical row: with less of the object on the slit, a row says nothing of it."""
NEAR_END_FWHM = 4.0
"""An end of the slit this far from the object cuts a pixel with less than 1e-4 of its light."""
SETTLED = 0.1
"""Relative change of the width beyond which the flux along the orders, by which the light is divided, is measured once more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectProfile:
    """Profile of all orders as tables over distance.

    Attributes
    ----------
    distance_arcsec : ndarray, shape (n,)
        Regular grid, slit minus trace.
    tables : dict of int to ndarray, shape (chunks, n)
        Light per arcsec at the middle of each chunk of an order.
    chunk_middle : dict of int to ndarray, shape (chunks,)
        Row of the window that each chunk stands for.
    fwhm_arcsec : float
        Median over the arm.
    form : str
        ``spline`` or ``moffat``.
    moffat : Moffat or None
        The function that the tables deviate from.
    flux_error : float
        Relative error of all fluxes that the errors of its width, beta and the slit's illumination leave, and light that is not as a Moffat.
    illumination_change : ndarray, shape (n,)
        What is to be added to the illumination of all skies, which the wings of the object take part in; empty where it was not asked for.
    """

    distance_arcsec: FloatArray
    tables: dict[int, FloatArray]
    chunk_middle: dict[int, FloatArray]
    fwhm_arcsec: float
    form: str
    moffat: Moffat | None = None
    flux_error: float = 0.0
    illumination_change: FloatArray = field(default_factory=lambda: np.zeros(0))

    def shares(self, data: OrderData, trace: OrderTrace) -> FloatArray:
        """Share of a dispersion pixel's light in every pixel of an order.

        The light is what comes through between the slit's ends.  Where all of it falls on pixels their shares sum to 1, but for the pixel
        that an end cuts: flattened, it shows as much as if it were lit whole.  Where the slit's image has moved, some falls beside the
        order's pixels.
        """
        window = data.window
        ends = slit_ends(window)
        distance: FloatArray = np.where(window.inside, window.slit_arcsec - trace.slit_arcsec[:, None], OFF_SLIT_ARCSEC)
        density = self._along(window, self.tables[window.order], distance)
        if ends.dark is not None:
            density[ends.dark] = 0.0
        total = density.sum(axis=1)
        far = window.half_slit_arcsec - NEAR_END_FWHM * self.fwhm_arcsec
        if window.lit_arcsec is not None or max(trace.slit_arcsec.max(), -trace.slit_arcsec.min()) > far:
            total += self._beside_pixels(window, ends.between_arcsec - trace.slit_arcsec[:, None])
        seen = total[total > 0]
        return density / np.where(total > (LEAST_ON_SLIT * quick_median(seen) if seen.size else 0.0), total, np.inf)[:, None]

    def _along(self, window: OrderWindow, table: FloatArray, distance_arcsec: FloatArray) -> FloatArray:
        """A table over chunks and distance at some distances of every row, shape (n_disp, m); 0 beyond the table.  `distance_arcsec` is used up."""
        middle, n = self.chunk_middle[window.order], self.distance_arcsec.size
        position = np.interp(np.arange(window.b_px.size, dtype=np.float64), middle, np.arange(middle.size, dtype=np.float64))
        low = np.clip(np.floor(position).astype(np.int64), 0, max(middle.size - 2, 0))
        tilt = (position - low)[:, None]
        place = distance_arcsec
        place -= self.distance_arcsec[0]
        place /= self.distance_arcsec[1] - self.distance_arcsec[0]
        corner = np.clip(place.astype(np.int64), 0, n - 2)
        share = np.clip(place - corner, 0.0, 1.0)
        corner += (low * n)[:, None]
        flat = table.ravel()
        lower = between(flat, corner, share)
        corner += ((np.minimum(low + 1, middle.size - 1) - low) * n)[:, None]
        lower *= 1 - tilt
        lower += between(flat, corner, share) * tilt
        return np.where((place >= 0) & (place <= n - 1), lower, 0.0)

    def _beside_pixels(self, window: OrderWindow, ends_arcsec: FloatArray) -> FloatArray:
        """Light between the slit's ends that no pixel is there for, less what pixels hold beyond them, shape (n_disp,); `SlitEnds` less the trace."""
        step = self.distance_arcsec[1] - self.distance_arcsec[0]
        below = self._along(
            window,
            np.cumsum(self.tables[window.order], axis=1) * step,
            np.clip(ends_arcsec, self.distance_arcsec[0], self.distance_arcsec[-1]),
        )
        return np.asarray((below[:, 1] - below[:, 0] + below[:, 3] - below[:, 2]) * np.abs(rows_px_per_arcsec(window)))

    def shares_of(self, orders: Sequence[OrderData], trace: ObjectTrace) -> list[FloatArray]:
        """Those of every order."""
        return [self.shares(data, trace.orders[data.window.order]) for data in orders]

    def summary(self) -> SlitProfile:
        """Mean over all orders, for figures and metrics."""
        density = np.mean([table.mean(axis=0) for table in self.tables.values()], axis=0)
        return SlitProfile(
            distance_arcsec=self.distance_arcsec, density=density, fwhm_arcsec=self.fwhm_arcsec, form=self.form, flux_error=self.flux_error
        )


def fit_profile(
    orders: Sequence[OrderData],
    skies: Sequence[FloatArray],
    trace: ObjectTrace,
    *,
    poly_order: int,
    clip_sigma: float,
    clip_rounds: int,
    start: ObjectProfile | None = None,
    chunks: Sequence[Chunks] | None = None,
    shares: Sequence[FloatArray] | None = None,
    illumination_error: FloatArray | None = None,
) -> ObjectProfile:
    """Measure the profile of the traced object.

    Parameters
    ----------
    orders : sequence of OrderData
        All orders.
    skies : sequence of ndarray
        Sky model of each.
    trace : ObjectTrace
        Its `fwhm_arcsec` starts the fit; a forced trace gives a Moffat of that width.
    poly_order : int
        Highest degree with which the deviations may change with wavelength.
    clip_sigma : float
        Pixels further than this from the profile (plus a tenth of its peak) are left out.
    clip_rounds : int
        Maximum number of clipping rounds.
    start : ObjectProfile or None
        An earlier measurement, or a guess.
    chunks : sequence of Chunks or None
        Parts of the orders, if they are at hand.
    shares : sequence of ndarray or None
        `start` in every order, if that is at hand.
    illumination_error : ndarray, shape (n,), or None
        Of the slit's illumination, the same in all skies; its change is then fitted together with the profile.

    Returns
    -------
    ObjectProfile
        Tables for all orders.
    """
    parts = chunks if chunks is not None else [chunks_of(data.window) for data in orders]
    profile = start if start is not None and start.moffat is not None else starting_profile(orders, trace, parts)
    if trace.forced or profile.moffat is None:
        return profile
    moffat = profile.moffat
    by_order = shares if shares is not None and profile is start else profile.shares_of(orders, trace)
    for _ in range(min(max(clip_rounds, 1), ROUNDS)):
        before = moffat.fwhm_arcsec
        cells = measure_cells(
            orders,
            skies,
            trace,
            by_order,
            parts,
            clip=clip_sigma if clip_rounds else np.inf,
            reach_arcsec=REACH_FWHM * moffat.width_arcsec,
        )
        fitted = fit_moffat(cells, moffat, orders[0].window.half_slit_arcsec, illumination_error)
        moffat = fitted.moffat
        deviations = fit_deviations(fitted.cells, moffat, poly_order)
        untold = flux_untold(fitted.cells, moffat, deviations, orders[0].window.half_slit_arcsec)
        profile = replace(
            _tabulate(orders, parts, moffat, deviations),
            flux_error=float(np.hypot(fitted.flux_error, untold)),
            illumination_change=fitted.illumination_change,
        )
        if abs(np.log(moffat.fwhm_arcsec / before)) < SETTLED:
            break
        by_order = profile.shares_of(orders, trace)
    return profile


def starting_profile(
    orders: Sequence[OrderData],
    trace: ObjectTrace,
    chunks: Sequence[Chunks],
    smeared: SmearedStar | None = None,
) -> ObjectProfile:
    """A Moffat of the trace's width, or a smeared star: good enough to find cosmic rays before the profile is measured."""
    pivot = float(np.median([np.median(part.wavelength_nm) for part in chunks]))
    moffat = Moffat(fwhm_arcsec=trace.fwhm_arcsec, slope=SLOPE, beta=BETA, pivot_nm=pivot)
    if smeared is not None:
        moffat = Moffat(
            fwhm_arcsec=smeared.fwhm_arcsec, slope=smeared.slope, beta=smeared.beta, pivot_nm=pivot, places=tuple(smeared.places)
        )
    return _tabulate(orders, chunks, moffat, None)


def _tabulate(orders: Sequence[OrderData], chunks: Sequence[Chunks], moffat: Moffat, deviations: Deviations | None) -> ObjectProfile:
    reach_arcsec = orders[0].window.half_slit_arcsec + BEYOND_SLIT_ARCSEC
    grid = np.arange(-reach_arcsec, reach_arcsec + GRID_ARCSEC, GRID_ARCSEC)
    tables, middles, widths = {}, {}, []
    beside = None if deviations is None else deviations(grid)
    for k, (data, part) in enumerate(zip(orders, chunks, strict=True)):
        window = data.window
        table = moffat(grid[None, :], part.wavelength_nm[:, None], part.typical_arcsec)
        if beside is not None:
            table = table + beside[k * CHUNKS : (k + 1) * CHUNKS]
        tables[window.order] = table
        middles[window.order] = part.middle_px
        widths.append(_full_width(grid, table.mean(axis=0)))
    return ObjectProfile(
        distance_arcsec=grid,
        tables=tables,
        chunk_middle=middles,
        fwhm_arcsec=float(np.median(widths)),
        form="moffat" if deviations is None else "spline",
        moffat=moffat,
    )


def _full_width(grid: FloatArray, density: FloatArray) -> float:
    above = np.flatnonzero(density >= 0.5 * density.max())
    return float(grid[above[-1]] - grid[above[0]] + GRID_ARCSEC) if above.size else float("nan")
