"""A small, self-consistent reduction as values: what the recipe would hand to its writers, figures and metrics.

The numbers are drawn from a scene with a continuum source on a sky with emission lines; the spectra are a true optimal
sum of the noisy images here, so that tables, images and metrics agree with each other.  Nothing of `algorithms` is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.calibrations import ExtinctionCurve, Masters, SkyLines, StandardStar, TelluricBands
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.flags import PixelFlag, SpectrumFlag
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.geometry import DispersionMap, Geometry, OrderFormat, OrderPolynomial, OrderTable, SpectralFormat
from soxspipe.datamodel.models import BackgroundModel, OrderShift, SkyModel, SkyOrder, WavelengthShift
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.site import Site
from soxspipe.datamodel.spectrum import (
    EfficiencyCurve,
    FlatLevel,
    FluxedSpectrum,
    Join,
    MergedSpectrum,
    OrderSpectrum,
    ResponseCurve,
    SlitProfile,
)
from soxspipe.datamodel.trace import ContinuumSamples, ObjectTrace, OrderTrace, SlitSource
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.result import StareResult

N_DISP = 400
PITCH_PX = 50.0
FIRST_PX = 30.0
PX_PER_ARCSEC = 3.0
SIGMA_PX = 1.3
APERTURE_PX = 7
READ_NOISE_E = 7.3
SHAPES: Mapping[str, tuple[int, int]] = {"NIR": (160, N_DISP), "VIS": (N_DISP, 210)}
LIMITS_NM: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "NIR": {10: (1858.3, 2032.9), 11: (1689.9, 1864.4), 12: (1549.2, 1694.9)},
    "VIS": {1: (524.5, 685.0), 2: (347.0, 442.0), 3: (423.5, 549.5), 4: (660.0, 853.0)},
}
SHIFT = OrderShift(shift_px=0.021, error_px=0.004, coefficients=(0.02, 0.001), source="lines", applied=True, n_lines=12, snr=300.0)
FALLING = {("VIS", 2), ("VIS", 3)}


@dataclass(frozen=True)
class FakeRun:
    """Inputs and result of one pretended reduction."""

    inputs: StareInputs
    result: StareResult


@dataclass(frozen=True)
class _Cut:
    """One order along its trace: dispersion on axis 0, slit on axis 1."""

    order: int
    b: np.ndarray
    a: np.ndarray
    y: np.ndarray
    x: np.ndarray
    slit: np.ndarray
    wave: np.ndarray


LA_SILLA = Site(name="La Silla", longitude_deg=-70.7345, latitude_deg=-29.2584, height_m=2375.0)


def make_arm(name: str) -> Arm:
    """The arm's facts, as the instrument file has them."""
    if name == "NIR":
        return Arm(
            instrument="SOXS", name="NIR", dispersion_axis="x", slit_length_arcsec=12.0, merge_step_nm=0.06,
            collecting_area_cm2=89000.0, extinction_site="lasilla", site=LA_SILLA, response_bin_nm=2.0, resolving_power_1arcsec=5600.0,
        )  # fmt: skip
    return Arm(
        instrument="SOXS", name="VIS", dispersion_axis="y", slit_length_arcsec=12.0, merge_step_nm=0.02,
        bands={1: "r", 2: "u", 3: "g", 4: "i"}, disk_order_017={4: 1, 1: 2, 3: 3, 2: 4},
        collecting_area_cm2=89000.0, extinction_site="lasilla", site=LA_SILLA, response_bin_nm=1.0, resolving_power_1arcsec=4450.0,
    )  # fmt: skip


def make_geometry(name: str) -> Geometry:
    """Straight, slightly inclined orders with a linear wavelength scale."""
    arm, shape, limits = make_arm(name), SHAPES[name], LIMITS_NM[name]
    first = min(limits)
    wave, slit = (np.full(shape, np.nan, dtype=np.float32) for _ in range(2))
    order_image = np.zeros(shape, dtype=np.int16)
    centre = np.array([[FIRST_PX - PITCH_PX * first, 0.005], [PITCH_PX, 0.0]])
    for order in limits:
        cut = _cut(name, order)
        wave[cut.y, cut.x], slit[cut.y, cut.x], order_image[cut.y, cut.x] = cut.wave, cut.slit, order
    half = 0.5 * arm.slit_length_arcsec * PX_PER_ARCSEC
    low, high = centre.copy(), centre.copy()
    low[0, 0] -= half
    high[0, 0] += half
    table = OrderTable(
        dispersion_axis=arm.dispersion_axis, orders=tuple(limits), b_min=dict.fromkeys(limits, 0.0), b_max=dict.fromkeys(limits, N_DISP - 1.0),
        centre=OrderPolynomial(coefficients=centre), low=OrderPolynomial(coefficients=low), high=OrderPolynomial(coefficients=high),
    )  # fmt: skip
    formats = tuple(OrderFormat(order=o, full_nm=(lo, hi), clean_nm=(lo, hi)) for o, (lo, hi) in limits.items())
    return Geometry(
        arm=arm, binning=(1, 1), order_table=table,
        dispersion_map=DispersionMap(wavelength_nm=wave, slit_arcsec=slit, order=order_image),
        spectral_format=SpectralFormat(orders=formats),
    )  # fmt: skip


def make_run(arm: str = "NIR", *, standard: bool = False, forced: bool = False, brightness: float = 1.0, seed: int = 1) -> FakeRun:
    """Inputs and result of a pretended reduction.

    Parameters
    ----------
    arm : {'NIR', 'VIS'}
        Three orders (160 x 400) or four bands (400 x 210).
    standard : bool
        A flux standard, with response, efficiency and un-flattened spectra; else a science target calibrated with a response.
    forced : bool
        Whether the trace counts as forced, for want of an object.
    brightness : float
        Scales the object; 1 is a signal-to-noise near 30.
    seed : int
        Of the noise.
    """
    rng = np.random.default_rng(seed)
    geometry = make_geometry(arm)
    slit_arcsec = 0.4 if standard else -0.9
    brightness *= 30.0 if standard else 1.0
    sky, source, profile = _scene(arm, slit_arcsec, brightness)
    flat = _flat(arm)
    frame, truth_e = _expose(rng, geometry, sky, source, flat)
    subtracted = _frame(
        np.where(geometry.dispersion_map.order > 0, frame.electrons - sky, 0.0), frame.variance, frame.flags, frame.exptime_s
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.where(geometry.dispersion_map.order > 0, (frame.electrons - truth_e) / np.sqrt(frame.variance), np.nan)
    trace = _trace(rng, arm, slit_arcsec, forced)
    orders = tuple(_extract(arm, order, subtracted, profile, sky, flat, forced) for order in LIMITS_NM[arm])
    merged = _merge(geometry.arm, orders, flattened=True)
    plain_orders = tuple(_unflatten(spectrum) for spectrum in orders)
    observation = _observation(arm, standard, frame.exptime_s)
    response = _response(merged, geometry.arm, observation)
    result = StareResult(
        stacked=_frame(frame.electrons * flat + 40.0, frame.variance * flat**2, frame.flags, frame.exptime_s),
        detrended=frame.electrons,
        background=_background(arm),
        sky=_sky_model(arm, sky),
        sky_subtracted=subtracted,
        residual_sigma=residual.astype(np.float32),
        trace=trace,
        profile=_profile(),
        orders=orders,
        merged=merged,
        orders_unflattened=plain_orders if standard else (),
        merged_unflattened=_merge(geometry.arm, plain_orders, flattened=False) if standard else None,
        wavelength_shift=WavelengthShift(orders=dict.fromkeys(LIMITS_NM[arm], SHIFT)),
        response=response,
        efficiency=_efficiency(merged) if standard else None,
        fluxed=_fluxed(merged, response, frame.exptime_s),
        warnings=("no object found; extracted at the slit centre",) if forced else (),
        diagnostics={"stack_rejected": 12.0},
    )
    return FakeRun(inputs=_inputs(arm, geometry, observation, standard, None if standard else response, flat), result=result)


def _cut(name: str, order: int) -> _Cut:
    shape, (low, high) = SHAPES[name], LIMITS_NM[name][order]
    first = min(LIMITS_NM[name])
    b = np.arange(N_DISP)
    centre = FIRST_PX + PITCH_PX * (order - first) + 0.005 * b
    half = int(6.0 * PX_PER_ARCSEC)
    a = np.round(centre).astype(int)[:, None] + np.arange(-half, half + 1)[None, :]
    slit = (a - centre[:, None]) / PX_PER_ARCSEC
    step = (high - low) / N_DISP
    fraction = (b + 0.5)[:, None] - 0.3 * slit
    wave = high - step * fraction if (name, order) in FALLING else low + step * fraction
    b_image = np.broadcast_to(b[:, None], a.shape)
    y, x = (a, b_image) if name == "NIR" else (b_image, a)
    assert a.min() >= 0
    assert a.max() < (shape[0] if name == "NIR" else shape[1])
    return _Cut(order=order, b=b, a=centre, y=y, x=x, slit=slit, wave=wave)


def _continuum(wave: np.ndarray) -> np.ndarray:
    """Electrons per pixel of the source: a slope with two broad features."""
    bumps = 0.25 * np.exp(-0.5 * ((wave - 1720.0) / 18.0) ** 2) - 0.3 * np.exp(-0.5 * ((wave - 615.0) / 8.0) ** 2)
    return 3000.0 * (1.0 + bumps) * (600.0 / wave) ** 0.5


def _sky_spectrum(arm: str, wave: np.ndarray) -> np.ndarray:
    lines = np.random.default_rng(7)
    total = np.full(wave.shape, 12.0)
    for low, high in LIMITS_NM[arm].values():
        step = (high - low) / N_DISP
        for centre, peak in zip(lines.uniform(low, high, 6), lines.uniform(50, 4000, 6), strict=True):
            total += peak * np.exp(-0.5 * ((wave - centre) / (1.2 * step)) ** 2)
    return total


def _scene(arm: str, slit_arcsec: float, brightness: float) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray]]:
    sky, source = np.zeros(SHAPES[arm]), np.zeros(SHAPES[arm])
    profiles = {}
    for order in LIMITS_NM[arm]:
        cut = _cut(arm, order)
        profile = np.exp(-0.5 * ((cut.slit - slit_arcsec) * PX_PER_ARCSEC / SIGMA_PX) ** 2)
        profiles[order] = profile / profile.sum(axis=1, keepdims=True)
        sky[cut.y, cut.x] = _sky_spectrum(arm, cut.wave)
        source[cut.y, cut.x] = brightness * _continuum(cut.wave) * profiles[order]
    return sky, source, profiles


def _flat(arm: str) -> np.ndarray:
    along = 1.0 - 0.5 * ((np.arange(N_DISP) - N_DISP / 2) / (N_DISP / 2)) ** 2
    flat = np.broadcast_to(along[None, :] if arm == "NIR" else along[:, None], SHAPES[arm])
    return np.array(flat)


def _frame(electrons: np.ndarray, variance: np.ndarray, flags: np.ndarray, exptime_s: float) -> Frame:
    return Frame(electrons=electrons, variance=variance, flags=flags, exptime_s=exptime_s)


def _expose(
    rng: np.random.Generator, geometry: Geometry, sky: np.ndarray, source: np.ndarray, flat: np.ndarray
) -> tuple[Frame, np.ndarray]:
    truth = sky + source
    variance = (truth * flat + READ_NOISE_E**2) / flat**2
    electrons = truth + np.sqrt(variance) * rng.standard_normal(truth.shape)
    flags = np.zeros(truth.shape, dtype=np.uint8)
    inside = np.flatnonzero(geometry.dispersion_map.order > 0)
    picks = rng.choice(inside, 60, replace=False)
    flags.flat[picks[:30]] = PixelFlag.BAD
    flags.flat[picks[30:55]] = PixelFlag.COSMIC_RAY
    flags.flat[picks[55:]] = PixelFlag.SATURATED
    electrons.flat[picks] += 5e3
    return _frame(electrons, variance, flags, 300.0), truth


def _trace(rng: np.random.Generator, arm: str, slit_arcsec: float, forced: bool) -> ObjectTrace:
    orders, columns = {}, []
    for order in LIMITS_NM[arm]:
        cut = _cut(arm, order)
        a = cut.a + slit_arcsec * PX_PER_ARCSEC
        orders[order] = OrderTrace(
            order=order, b_px=cut.b, a_px=a, slit_arcsec=np.full(N_DISP, slit_arcsec), sigma_px=np.full(N_DISP, SIGMA_PX)
        )
        b = np.arange(5, N_DISP, 10)
        measured = a[b] + 0.05 * rng.standard_normal(b.size)
        wave = cut.wave[b, cut.wave.shape[1] // 2]
        columns.append((np.full(b.size, order), b.astype(float), measured, wave, a[b] - measured))
    order_c, b_c, a_c, wave_c, residual = (np.concatenate(c) for c in zip(*columns, strict=True))
    detected = rng.random(b_c.size) > 0.08
    used = detected & (np.abs(residual) < 0.12)
    samples = ContinuumSamples(
        order=order_c, b_px=b_c, a_px=np.where(detected, a_c, np.nan), wavelength_nm=wave_c,
        offset_arcsec=np.full(b_c.size, slit_arcsec), sigma_px=np.where(detected, SIGMA_PX, np.nan),
        detected=detected, used=used, residual_px=np.where(detected, residual, np.nan),
    )  # fmt: skip
    fwhm = 2.3548 * SIGMA_PX / PX_PER_ARCSEC
    sources = () if forced else (
        SlitSource(slit_arcsec=slit_arcsec, fwhm_arcsec=fwhm, significance=240.0, relative_flux=1.0),
        SlitSource(slit_arcsec=3.1, fwhm_arcsec=fwhm, significance=7.0, relative_flux=0.02),
    )  # fmt: skip
    return ObjectTrace(
        orders=orders, samples=samples, sources=sources, significance=0.8 if forced else 240.0, forced=forced,
        fwhm_arcsec=fwhm, order_deg=4, axis_deg=4,
    )  # fmt: skip


def _profile() -> SlitProfile:
    distance = np.linspace(-6.0, 6.0, 241)
    sigma = SIGMA_PX / PX_PER_ARCSEC
    density = np.exp(-0.5 * (distance / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return SlitProfile(distance_arcsec=distance, density=density, fwhm_arcsec=2.3548 * sigma)


def _extract(
    arm: str, order: int, frame: Frame, profiles: dict[int, np.ndarray], sky: np.ndarray, flat: np.ndarray, forced: bool
) -> OrderSpectrum:
    cut, profile = _cut(arm, order), profiles[order]
    data, variance = frame.electrons[cut.y, cut.x], frame.variance[cut.y, cut.x]
    good = frame.good[cut.y, cut.x]
    weight = good * profile / variance
    norm = (weight * profile).sum(axis=1)
    peak = np.argmax(profile, axis=1)[:, None]
    inside = np.abs(np.arange(profile.shape[1])[None, :] - peak) <= APERTURE_PX
    flux = (weight * data).sum(axis=1) / norm
    seen, inner = (profile * good).sum(axis=1), (profile * inside).sum(axis=1)
    wave = np.take_along_axis(cut.wave, peak, axis=1)[:, 0]
    ascending = np.argsort(wave)
    quality = np.where(seen < 0.5, int(SpectrumFlag.PARTIAL_PROFILE), 0) | np.where(seen < 0.999, int(SpectrumFlag.COSMIC_RAY), 0)
    quality |= int(SpectrumFlag.FORCED) if forced else 0
    columns = {
        "b_px": cut.b, "a_px": cut.a, "wavelength_nm": wave, "pixel_scale_nm": np.abs(np.gradient(wave)), "flux": flux,
        "variance": 1.0 / norm, "boxcar": (data * inside).sum(axis=1), "boxcar_robust": (data * inside * good).sum(axis=1),
        "boxcar_restored": np.where(good, data, flux[:, None] * profile).sum(axis=1),
        "sky": (sky[cut.y, cut.x] * inside).sum(axis=1) / inside.sum(axis=1), "sky_aperture": (sky[cut.y, cut.x] * inside).sum(axis=1),
        "profile_fraction": seen, "aperture_fraction": inner, "mean_flat": (flat[cut.y, cut.x] * profile).sum(axis=1), "quality": quality,
    }  # fmt: skip
    return OrderSpectrum(order=order, label=make_arm(arm).label(order), **{name: values[ascending] for name, values in columns.items()})


def _unflatten(spectrum: OrderSpectrum) -> OrderSpectrum:
    values = {name: getattr(spectrum, name) for name in spectrum.__slots__}
    for name in ("flux", "boxcar", "boxcar_robust", "boxcar_restored", "sky", "sky_aperture"):
        values[name] = values[name] * spectrum.mean_flat
    values["variance"] = values["variance"] * spectrum.mean_flat**2
    values["mean_flat"] = np.ones_like(spectrum.mean_flat)
    return OrderSpectrum(**values)


def _merge(arm: Arm, orders: tuple[OrderSpectrum, ...], *, flattened: bool) -> MergedSpectrum:
    ranked = sorted(orders, key=lambda spectrum: spectrum.wavelength_nm[0])
    step = arm.merge_step_nm
    first = np.ceil(ranked[0].wavelength_nm[0] / step)
    last = np.floor(ranked[-1].wavelength_nm[-1] / step)
    grid = np.arange(first, last + 1) * step
    sums = {name: np.zeros(grid.size) for name in ("w", "flux", "sky", "density")}
    carrier, best, quality = np.zeros(grid.size, dtype=np.int64), np.zeros(grid.size), np.zeros(grid.size, dtype=np.int32)
    for spectrum in ranked:
        inside = (grid >= spectrum.wavelength_nm[0]) & (grid <= spectrum.wavelength_nm[-1])

        def at(values: np.ndarray, wave: np.ndarray = spectrum.wavelength_nm, where: np.ndarray = grid[inside]) -> np.ndarray:
            return np.interp(where, wave, values)

        weight = 1.0 / at(spectrum.variance)
        sums["w"][inside] += weight
        for name, values in (("flux", spectrum.flux), ("sky", spectrum.sky), ("density", spectrum.flux / spectrum.pixel_scale_nm)):
            sums[name][inside] += weight * at(values)
        stronger = np.flatnonzero(inside)[weight > best[inside]]
        carrier[stronger], best[stronger] = spectrum.order, weight[weight > best[inside]]
        quality[inside] |= at(spectrum.quality.astype(float)).astype(np.int32)
    joins = tuple(
        Join(
            blue_order=blue.order,
            red_order=red.order,
            wavelength_nm=0.5 * (blue.wavelength_nm[-1] + red.wavelength_nm[0]),
            scale=1.012,
            scale_error=0.004,
        )
        for blue, red in itertools.pairwise(ranked)
    )
    correlation = np.stack([np.full(grid.size, value) for value in (0.4, 0.1, 0.02)])
    return MergedSpectrum(
        wavelength_nm=grid, flux=sums["flux"] / sums["w"], variance=1.0 / sums["w"], sky=sums["sky"] / sums["w"],
        density=sums["density"] / sums["w"], correlation=correlation, order=carrier, quality=quality, joins=joins, flattened=flattened,
    )  # fmt: skip


def _response(merged: MergedSpectrum, arm: Arm, observation: Observation) -> ResponseCurve:
    wave = merged.wavelength_nm
    polynomial = np.array([2e-6, -3e-3, 6.0])
    sampled = wave[:: max(1, wave.size // 400)]
    value = np.polyval(polynomial, sampled) * 1e-17
    bins = np.arange(sampled[0] + 5, sampled[-1] - 5, 5 * arm.response_bin_nm)
    bins_value = np.polyval(polynomial, bins) * 1e-17 * (1 + 0.01 * np.sin(bins))
    return ResponseCurve(
        polynomial=polynomial, wavelength_nm=sampled, response=value, error=0.01 * value, valid_nm=(float(bins[0]), float(bins[-1])),
        bins_nm=bins, bins_value=bins_value, bins_error=0.01 * bins_value, bins_used=np.sin(bins) < 0.95, extinction_removed=True,
        star="LTT7987", airmass=1.15, seeing_arcsec=0.9, flat_md5="0" * 32, binning=observation.binning,
        flat_level=FlatLevel(order=np.array([1, 1, 2]), wavelength_nm=np.array([500.0, 600.0, 550.0]), level=np.array([1.0, 1.5, 0.7])),
    )  # fmt: skip


def _efficiency(merged: MergedSpectrum) -> EfficiencyCurve:
    wave = merged.wavelength_nm
    value = 0.15 * np.exp(-0.5 * ((wave - wave.mean()) / 300.0) ** 2)
    numbers = [int(order) for order in np.unique(merged.order) if order > 0]
    return EfficiencyCurve(
        wavelength_nm=wave, efficiency=value, above_atmosphere=1.1 * value, order=merged.order, median=float(np.median(value)),
        median_by_order={order: float(np.median(value[merged.order == order])) for order in numbers},
    )  # fmt: skip


def _fluxed(merged: MergedSpectrum, response: ResponseCurve, exptime_s: float) -> FluxedSpectrum:
    factor = np.interp(merged.wavelength_nm, response.wavelength_nm, response.response) / exptime_s
    return FluxedSpectrum(
        wavelength_nm=merged.wavelength_nm, flux=merged.flux * factor, error=np.sqrt(merged.variance) * factor, quality=merged.quality,
        slit_loss_ratio=0.97,
    )  # fmt: skip


def _background(arm: str) -> BackgroundModel:
    shape = SHAPES[arm]
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = 20.0 + 0.01 * x + 0.02 * y
    geometry = make_geometry(arm)
    axis = geometry.arm.dispersion_axis
    return BackgroundModel(
        cells=light.T if axis == "x" else light, cell_px=1, dispersion_axis=axis, variance=np.full(shape, 0.2),
        used=geometry.dispersion_map.order == 0,
    )  # fmt: skip


def _sky_model(arm: str, sky: np.ndarray) -> SkyModel:
    orders = []
    for order in LIMITS_NM[arm]:
        cut = _cut(arm, order)
        u = np.linspace(0.0, N_DISP - 1.0, 5 * N_DISP)
        middle = cut.wave[:, cut.wave.shape[1] // 2]
        wave = np.interp(u, cut.b, middle)
        orders.append(
            SkyOrder(
                order=order,
                u_px=u,
                wavelength_nm=wave,
                electrons=_sky_spectrum(arm, wave),
                knots_px=np.arange(0.0, N_DISP, 0.8),
                illumination=np.array([0.01]),
                shift_rms_px=0.02,
                chi_lines=1.02,
                chi_continuum=1.0,
                n_used=14000,
                n_rejected=21,
            )
        )
    return SkyModel(electrons=sky, variance=np.where(sky > 0, 0.5 + 0.001 * sky, 0.0), orders=tuple(orders))


def _observation(arm: str, standard: bool, exptime_s: float) -> Observation:
    return Observation(
        arm=arm, kind="STD,FLUX" if standard else "OBJECT", target="LTT7987" if standard else "SN2026abc", exptime_s=exptime_s,
        mjd=60736.0833333, date_obs="2025-03-02T02:00:00", airmass=1.15, seeing_arcsec=0.9, ra_deg=246.0, dec_deg=-39.2,
        slit_name="SLIT1.0", slit_width_arcsec=1.0,
    )  # fmt: skip


def _inputs(
    arm: str, geometry: Geometry, observation: Observation, standard: bool, response: ResponseCurve | None, flat: np.ndarray
) -> StareInputs:
    shape = SHAPES[arm]
    blank = np.zeros(shape, dtype=np.uint8)
    detector = Detector(
        science_columns=(0, shape[1]), science_rows=(0, shape[0]), gain_e_per_adu=2.3, read_noise_e=READ_NOISE_E, saturation_adu=6e4
    )
    wave = np.linspace(300.0, 2500.0, 2201)
    return StareInputs(
        raw=(RawFrame(adu=np.full(shape, 100.0, dtype=np.float32), observation=observation, name=f"raw_{arm}_0.fits"),),
        observation=observation,
        detector=detector,
        arm=geometry.arm,
        bad_pixels=np.zeros(shape, dtype=bool),
        masters=Masters(flat=Frame(electrons=flat, variance=np.full(shape, 1e-6), flags=blank, exptime_s=10.0), flat_md5="0" * 32),
        geometry=geometry,
        is_standard=standard,
        standard=StandardStar(name="LTT7987", wavelength_nm=wave, flux=1e-13 * (500.0 / wave) ** 3) if standard else None,
        response=response,
        extinction=ExtinctionCurve(
            site="lasilla", wavelength_nm=np.array([310.0, 400.0, 500.0, 900.0]), mag_per_airmass=np.array([1.5, 0.3, 0.13, 0.01])
        ),
        telluric_bands=TelluricBands(
            start_nm=np.array([686.0, 759.0, 1800.0]), stop_nm=np.array([694.0, 771.0, 1960.0]), mask_response=np.array([True, True, True])
        ),
        sky_lines=SkyLines(
            wavelength_nm=np.array([557.7, 630.0, 1600.0]), flux=np.array([100.0, 40.0, 80.0]), isolated=np.array([True, True, False])
        ),
    )
