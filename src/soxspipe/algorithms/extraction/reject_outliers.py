"""Outliers on an order: cosmic rays and bad pixels that neither sky nor object explains, tracks along the slit among them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.objects.object_flux import flux_along, flux_error, has_core
from soxspipe.algorithms.orders.order_data import EVERY_ROW, OrderData
from soxspipe.datamodel.arrays import BoolArray, FloatArray, IntArray
from soxspipe.numerics.robust import edge_padded, row_median, running_median
from soxspipe.numerics.rows import row_dot, row_max

GROW_SIGMA = 2.5
"""A neighbour of a hit is suspect: one good pixel in 80 goes with it."""
CONTRADICTION_SIGMA = 4.0
"""Pixels of one row that contradict its flux: one row in a thousand by chance, and other conditions stand beside."""
SPIKE_SIGMA = 5.0
"""By chance one row in 1.7 million."""
SPIKE_SHARE = 0.85
"""A line lights the rows beside it; a hit leaves at least this much of its height missing there."""
SPIKE_NEIGHBOURS_PX = 31
"""Ten line widths: a line does not move the running median."""
UNKNOWN_SHARE = 0.2
"""A neighbour with a larger error than this cannot say whether there is a line."""
STRUCK_POWER = 0.8
"""A row that has lost a fifth of its weight may hold the tail of what was rejected."""
TRACK_ROUNDS = 2
"""A track lies on few rows; a second look finds what the first had hidden."""
LINE_NEIGHBOUR_SHARE = 0.12
"""Light that a line sends at least two rows from its peak."""
CORE_HALF_PX = 7
"""Two arcsec to either side, which holds the profile at any seeing that is of use."""
PROFILE_TOLERANCE = 0.03
"""The profile is trusted to 3 % of its peak; more is asked for where too much would be rejected (`WIDER_TOLERANCES`)."""
SKY_TOLERANCE = 0.01
"""The model of a sky line is trusted to a per cent of its height."""
FAR_SHARE = 0.02
"""Where the profile is below 2 % of its peak, its error does not count."""
ROUNDS = 8
"""Hits are found from the brightest to the faintest, until a round finds none; bounds the time."""
SMOOTH_PX = 5
"""Two line widths, so that one struck row does not set its own limit."""
SMOOTH_ROWS = np.arange(-SMOOTH_PX // 2, SMOOTH_PX // 2 + 1)
"""Offsets of the rows whose smoothed flux a row is part of."""
NEIGHBOUR_ROWS = np.arange(-1, 2)
"""Offsets of the rows that a hit may reach into."""
CORE_SHARE = 0.3
"""Pixels above a third of the peak hold most of the light and of the profile's error."""
LARGEST_STRUCK_SHARE = 0.03
"""An hour of cosmic rays strikes 0.001 of the pixels."""
WIDER_TOLERANCES = (3.0, 10.0)
"""If more is struck than cosmic rays do, it is the profile that is wrong: it is then trusted less."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rejection:
    """Pixels that neither sky nor object explain.

    Attributes
    ----------
    rejected : ndarray of bool, shape of the window
        Pixels rejected, cosmic rays and outliers alike.
    bright : ndarray of bool, shape of the window
        Those above the model: cosmic rays.
    flux : ndarray, shape (n_disp,)
        Flux from the pixels that are left.
    variance : ndarray, shape of the window
        Model variance at that flux.
    tolerance : float
        Error of the profile that was allowed for, as a share of its peak.
    """

    rejected: BoolArray
    bright: BoolArray
    flux: FloatArray
    variance: FloatArray
    tolerance: float = PROFILE_TOLERANCE


def reject_outliers(
    data: OrderData, sky: FloatArray, shares: FloatArray, sky_range: FloatArray, limit: float, tolerance: float = PROFILE_TOLERANCE
) -> Rejection:
    """Find the pixels that differ from sky plus object by more than the noise.

    On the object the worst pixel of each dispersion pixel goes first, then the flux is measured again; away from it all outliers go
    at once.  Neighbours of a hit go at `GROW_SIGMA`.  The median of data over profile starts it, so that a bright hit does not raise
    the flux and drag good pixels down.  Errors of the profile and of the sky's position are tolerated as shares of the peak and of
    the sky's local range, and so is what the object's spectrum changes along the tilt of its lines; an emission line of the object has the object's profile and passes.

    Parameters
    ----------
    data : OrderData
        The order.
    sky, shares : ndarray, shape of the window
        Sky model, object profile.
    sky_range : ndarray, shape of the window
        Largest difference of the sky within about a pixel.
    limit : float
        Limit on (D - S - f P)^2 / V.
    tolerance : float
        Error of the profile to allow for, as a share of its peak.

    Returns
    -------
    Rejection
        Hits and the flux without them.  Where more of the object's own pixels would go than cosmic rays can strike, it is the profile or
        the trace that is wrong: more of an error is then allowed for, if that explains most of them.
    """
    found = _reject(data, sky, shares, sky_range, limit, tolerance)
    struck = _struck_share(found, data, shares)
    for factor in WIDER_TOLERANCES:
        if struck <= LARGEST_STRUCK_SHARE:
            break
        wider = _reject(data, sky, shares, sky_range, limit, factor * tolerance)
        left = _struck_share(wider, data, shares)
        if left < 0.5 * struck:
            found, struck = wider, left
    return found


def _struck_share(found: Rejection, data: OrderData, shares: FloatArray) -> float:
    """Share of the good pixels in the object's core that were rejected."""
    core = data.good & (shares > CORE_SHARE * row_max(shares)[:, None])
    return float(np.count_nonzero(found.rejected & core)) / max(int(np.count_nonzero(core)), 1)


def _reject(data: OrderData, sky: FloatArray, shares: FloatArray, sky_range: FloatArray, limit: float, tolerance: float) -> Rejection:
    """Rejection with one tolerance; arguments as for `reject_outliers`."""
    peak = row_max(shares)
    order = _Order(
        data=data,
        sky=sky,
        shares=shares,
        light=np.where(data.good, data.electrons - sky, 0.0),
        peak=peak,
        far=shares < FAR_SHARE * peak[:, None],
        whole=has_core(shares, data.good),
    )
    flux, variance, rows = _start(order, limit)
    return _reject_tracks(order, _reject_hits(order, flux, variance, rows, sky_range, limit, tolerance))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Order:
    """What the search looks at.

    Attributes
    ----------
    data : OrderData
        The order.
    sky, shares, light : ndarray, shape of the window
        Sky model, object profile, and what the sky leaves of the good pixels (0 in others).
    peak : ndarray, shape (n_disp,)
        Peak of the profile.
    far : ndarray of bool, shape of the window
        Pixels where the profile's error does not count.
    whole : ndarray of bool, shape (n_disp,)
        Dispersion pixels whose core can be measured.
    """

    data: OrderData
    sky: FloatArray
    shares: FloatArray
    light: FloatArray
    peak: FloatArray
    far: BoolArray
    whole: BoolArray

    def variance(self, flux: FloatArray, rows: IntArray | slice = EVERY_ROW) -> FloatArray:
        """Model variance of some rows at a flux, which is given for all rows."""
        object_light = np.maximum(running_median(flux, SMOOTH_PX, self.whole), 0.0)[rows, None] * np.maximum(self.shares[rows], 0.0)
        return self.data.variance(self.sky[rows] + object_light, rows)


def _start(order: _Order, limit: float) -> tuple[FloatArray, FloatArray, IntArray]:
    """Flux and variance to start from, and the rows to look at.

    Few rows hold a pixel that is far enough from the model; the others take no part in what follows.
    """
    light, shares, good, peak = order.light, order.shares, order.data.good, order.peak
    flux = _median_flux(light, shares, good, peak)
    variance = order.variance(flux)
    rows = _rows_with(good & ((light - flux[:, None] * shares) ** 2 > min(limit, CONTRADICTION_SIGMA**2) * variance))
    steady = running_median(flux, SPIKE_NEIGHBOURS_PX, order.whole)
    flux[rows] = _not_above(flux[rows], steady[rows], light[rows], variance[rows], shares[rows], good[rows], peak[rows])
    return flux, variance, _near(rows, NEIGHBOUR_ROWS, flux.size)


def _reject_hits(
    order: _Order, flux: FloatArray, variance: FloatArray, rows: IntArray, sky_range: FloatArray, limit: float, tolerance: float
) -> Rejection:
    """Reject hits from the brightest to the faintest; `flux` and `variance` follow in place."""
    light, shares, good, far = order.light, order.shares, order.data.good, order.far
    rejected, bright = np.zeros(light.shape, dtype=bool), np.zeros(light.shape, dtype=bool)
    sigma, slope = float(np.sqrt(limit)), _slope(flux)
    for _ in range(ROUNDS):
        use = good[rows] & ~rejected[rows]
        allowed = (tolerance * np.maximum(flux, 0.0) * order.peak)[rows, None] ** 2 * ~far[rows]
        steep = _change_along_tilt(slope[rows], shares[rows], order.data.u_px[rows])
        allowed += (SKY_TOLERANCE * sky_range[rows]) ** 2 + steep**2
        z = np.where(use, (light[rows] - flux[rows, None] * shares[rows]) / np.sqrt(variance[rows] + allowed), 0.0)
        worst = row_max(np.where(far[rows], 0.0, np.abs(z)))[:, None]
        fresh = np.zeros(light.shape, dtype=bool)
        fresh[rows] = (np.abs(z) > sigma) & (far[rows] | (np.abs(z) == worst))
        fresh[rows] |= dilate(rejected | fresh)[rows] & use & (z > GROW_SIGMA)
        struck = _rows_with(fresh)
        if not struck.size:
            break
        rejected |= fresh
        bright[rows] |= fresh[rows] & (z > 0)
        flux[struck], _ = flux_along(light[struck], variance[struck], shares[struck], good[struck] & ~rejected[struck])
        # later rounds look at the rows whose flux or variance has changed, and at the neighbours of hits
        rows = _near(struck, SMOOTH_ROWS, flux.size)
        variance[rows] = order.variance(flux, rows)
    return Rejection(rejected=rejected, bright=bright, flux=flux, variance=variance, tolerance=tolerance)


def _reject_tracks(order: _Order, found: Rejection) -> Rejection:
    """Reject tracks along the slit too, and give their dispersion pixels the flux that they should hold."""
    shares, good = order.shares, order.data.good
    for _ in range(TRACK_ROUNDS):
        error = flux_error(found.variance, shares, good & ~found.rejected)
        level = _level_of_tracks(found.flux, error, shares, good, found.rejected, order.far, order.whole)
        rows = np.flatnonzero(np.isfinite(level))
        if not rows.size:
            break
        expected = np.where(np.isfinite(level), level, found.flux)
        excess = (order.light[rows] - expected[rows, None] * shares[rows]) / np.sqrt(order.variance(expected, rows))
        track = np.zeros(shares.shape, dtype=bool)
        track[rows] = good[rows] & ~order.far[rows] & ~found.rejected[rows] & (excess > GROW_SIGMA)
        if not track.any():
            break
        found = replace(
            found, rejected=found.rejected | track, bright=found.bright | track, flux=expected, variance=order.variance(expected)
        )
    return found


def _rows_with(mask: BoolArray) -> IntArray:
    """Rows that hold a pixel of a mask, in order."""
    return np.unique(np.flatnonzero(mask) // mask.shape[1])


def _near(rows: IntArray, offsets: IntArray, n_rows: int) -> IntArray:
    """Rows at some offsets from others, in order, within 0 .. `n_rows` - 1."""
    return np.unique(np.clip(rows[:, None] + offsets, 0, n_rows - 1))


def _slope(flux: FloatArray) -> FloatArray:
    """Change of the flux per dispersion pixel, across its neighbours, so that a cosmic ray does not excuse itself; shape (n_disp,)."""
    padded = edge_padded(flux, 1)
    return 0.5 * np.abs(padded[2:] - padded[:-2])


def _change_along_tilt(slope: FloatArray, shares: FloatArray, u_px: FloatArray) -> FloatArray:
    """How far an object pixel may lie from flux times profile because lines are tilted and the spectrum is steep, as in the telluric A band.

    Of some rows, with the slope of their flux.
    """
    weight = np.maximum(shares, 0.0)
    centre = row_dot(weight, u_px) / np.maximum(weight.sum(axis=1), 1e-30)
    return slope[:, None] * np.abs(u_px - centre[:, None]) * weight


def _spikes(flux: FloatArray, error: FloatArray) -> BoolArray:
    """Dispersion pixels whose flux stands out of both neighbours more sharply than any line can.

    A track along the slit may look like the profile, but it is one pixel wide.  Of a line at least as wide as the instrument makes it, the
    neighbours of its peak hold a third or more.
    """
    padded, noise = edge_padded(flux, 3), edge_padded(error, 1)
    around = np.min([padded[:-6], padded[1:-5], padded[5:-1], padded[6:]], axis=0)
    height = flux - around
    beside, beside_error = np.stack([padded[2:-4], padded[4:-2]]), np.stack([noise[:-2], noise[2:]])
    lower = flux - beside > np.maximum(SPIKE_SHARE * height, SPIKE_SIGMA * np.hypot(error, beside_error))
    # a neighbour of which a track has left nothing cannot say whether there is a line; the other one can
    silent = beside_error > UNKNOWN_SHARE * height
    return (height > SPIKE_SIGMA * error) & (lower | silent).all(axis=0) & lower.any(axis=0)


def _level_of_tracks(
    flux: FloatArray, error: FloatArray, shares: FloatArray, good: BoolArray, rejected: BoolArray, far: BoolArray, whole: BoolArray
) -> FloatArray:
    """What dispersion pixels under a track should hold, NaN for all others.

    A track is a spike (`_spikes`), for which the running median stands in, or what is left of a profile most of which is hit and says
    far more than the neighbours do.  A line of the object between hits shows in the nearest neighbours without a hit, by at least
    `LINE_NEIGHBOUR_SHARE` of its height; what they show beyond two sigma is added to the running median, unless they are a spike
    themselves.
    """
    steady = running_median(flux, SPIKE_NEIGHBOURS_PX, whole)
    level = np.where(_spikes(flux, error), steady, np.nan)
    sound = np.isfinite(error)
    sound[_rows_with(rejected & ~far)] = False
    clean = np.flatnonzero(sound)
    if clean.size < 2 or clean.size == flux.size:
        return level
    line = np.where(sound, np.maximum(flux - steady - 2.0 * np.where(sound, error, 0.0), 0.0), 0.0)
    near = np.concatenate([np.zeros(2), line, np.zeros(2)])
    line = np.minimum(line, np.max([near[:-4], near[1:-3], near[3:-1], near[4:]], axis=0) / LINE_NEIGHBOUR_SHARE)
    after = np.clip(np.searchsorted(clean, np.arange(flux.size)), 1, clean.size - 1)
    beside = np.maximum(line[clean[after - 1]], line[clean[after]])
    rows = _rows_with(rejected)
    squared = shares[rows] ** 2
    power, left = (row_dot(squared, use.astype(np.float64)) for use in (good[rows], good[rows] & ~rejected[rows]))
    contaminated = (left < STRUCK_POWER * power) & (flux - steady - beside / LINE_NEIGHBOUR_SHARE > SPIKE_SIGMA * error)[rows]
    rows = rows[contaminated & np.isnan(level[rows])]
    level[rows] = (steady + beside)[rows]
    return level


def _median_flux(light: FloatArray, shares: FloatArray, good: BoolArray, peak: FloatArray) -> FloatArray:
    """Median of light over share of the core's pixels; 0 where the core is masked."""
    n_disp, n_slit = shares.shape
    middle = np.clip(np.argmax(shares, axis=1), CORE_HALF_PX, max(n_slit - CORE_HALF_PX - 1, CORE_HALF_PX))
    column = np.clip(middle[:, None] + np.arange(-CORE_HALF_PX, CORE_HALF_PX + 1), 0, n_slit - 1)
    near = column + n_slit * np.arange(n_disp)[:, None]
    share = shares.take(near)
    core = good.take(near) & (share > 0.25 * peak[:, None]) & (share > 0)
    return row_median(light.take(near) / np.where(core, share, 1.0), core)


def _not_above(
    flux: FloatArray,
    steady: FloatArray,
    light: FloatArray,
    variance: FloatArray,
    shares: FloatArray,
    good: BoolArray,
    peak: FloatArray,
) -> FloatArray:
    """Starting flux of some rows, lowered where a pixel of the core contradicts it; `steady` is its running median.

    A track that hits most of a dispersion pixel's core lifts its median; a pixel it missed then lies far below the profile.  The flux
    starts from what the faintest core pixel allows instead.  An emission line lifts all core pixels alike and stays.
    """
    sigma = np.sqrt(variance)
    core = good & (shares > 0.25 * peak[:, None]) & (shares > 0)
    short = (core & (flux[:, None] * shares - light > CONTRADICTION_SIGMA * sigma)).any(axis=1)
    # a dead pixel lies low as well, but then the flux is that of the neighbours
    power = row_dot(shares / variance, np.where(good, shares, 0.0))
    short &= flux - steady > CONTRADICTION_SIGMA / np.sqrt(np.maximum(power, 1e-30))
    allowed = np.where(core, (light + 2.0 * sigma) / np.where(core, shares, 1.0), np.inf).min(axis=1)
    return np.where(short, np.minimum(flux, allowed), flux)


def dilate(mask: BoolArray) -> BoolArray:
    """Mask grown by one pixel in all eight directions."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    tall = grown.copy()
    grown[:, 1:] |= tall[:, :-1]
    grown[:, :-1] |= tall[:, 1:]
    return grown
