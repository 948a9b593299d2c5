"""The truth of a simulated observation: tables and images against which products are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from soxspipe.datamodel.arrays import BoolArray, FloatArray, Image, IntArray
from soxspipe.simulate.delivered import map_images
from soxspipe.simulate.detector import Chip, bin_sum, scattered
from soxspipe.simulate.flexure import dispersion_flexure, slit_flexure
from soxspipe.simulate.lightpath import OrderLight, SourceTable, add_orders, science_optics
from soxspipe.simulate.paint import OrderCanvas, OrderPath
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.simulation import Facts, MasterImage, Truth
from soxspipe.simulate.slit_images import slit_shares
from soxspipe.simulate.throughput import instrument_efficiency

APERTURE_HALF_PX = 7
"""As far as light of a point source is counted."""
CLEAR_SHARE = 0.9
"""As the exposures are judged."""

LIT_SHARE = 0.05
"""Of the brightest pixel of the flat in a row, below which a pixel is not lit by it."""
WHOLE_SHARE = 0.8
"""The same, below which it is lit in part: flats change along the slit by some per cent."""
BAD, SATURATED = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanExposure:
    """What the exposures of a scene were made of.

    Attributes
    ----------
    orders : tuple of mapping of int to OrderLight
        Per exposure.
    lamp : ndarray, shape (ny, nx)
        Noise-free flat, with pixel response, binned.
    chip : Chip
        The detector.
    masters : mapping of str to MasterImage
        Delivered.
    cosmic_e : tuple of ndarray, shape (ny, nx)
        Charge of cosmic rays per exposure, electrons.
    n_cosmic_rays : int
        Cosmic rays in all exposures.
    off : mapping of int to OrderLight or None
        Exposure of the sky elsewhere that is delivered in place of a dark.
    """

    orders: tuple[Mapping[int, OrderLight], ...]
    lamp: Image
    chip: Chip
    masters: Mapping[str, MasterImage]
    cosmic_e: tuple[Image, ...]
    n_cosmic_rays: int
    off: Mapping[int, OrderLight] | None = None


Place: TypeAlias = tuple[IntArray, FloatArray, FloatArray, int, int]
"""Of an order: its rows, the trace and the middle of the slit in each of them, half its width, and its number."""


def make_truth(scene: Scene, facts: Facts, source: SourceTable, mean: MeanExposure, delivered: Mapping[int, OrderPath]) -> Truth:
    """Collect the truth of the mean exposure.

    Parameters
    ----------
    scene, facts, source
        What was simulated.
    mean : MeanExposure
        What it was made of.
    delivered : mapping of int to OrderPath
        The geometry as delivered, for the column WAVE_MAP.
    """
    images = _images(scene, facts, mean)
    single = _single_exposures(scene, facts, mean, images)
    if single:
        images["CLEAR"] = _clear_target(scene, single)
    rows = [_order_rows(scene, facts, mean, images, single, delivered[order], order) for order in sorted(mean.orders[0])]
    orders = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    table = {
        "WAVE": source.wavelength_nm,
        "FLUX": source.flux,
        "SLIT_FRACTION": _mean([slit_shares(scene, facts, source.wavelength_nm, seeing) for seeing in scene.exposure_seeing]),
        "ATMOSPHERE": source.atmosphere,
        "TELLURIC": source.telluric,
    }
    keep = ("OBJECT", "OTHERS", "SKY", "VARIANCE", "FLAT", "WAVE", "SLIT", "ORDER", "CRMASK", "BADMASK")
    return Truth(
        header=_header(scene, facts, mean),
        orders=orders,
        source=table,
        images={name: images[name].astype(np.uint8 if name.endswith("MASK") else np.float32) for name in keep if name in images},
    )


def _images(scene: Scene, facts: Facts, mean: MeanExposure) -> dict[str, Image]:
    """Images of the mean exposure, binned; TARGET is the object alone, OBJECT the object and other sources."""
    chip, n = mean.chip, len(mean.orders)
    canvases = {order: light.canvas for order, light in mean.orders[0].items()}
    distinct = {id(orders): orders for orders in mean.orders}
    weight = {key: sum(id(orders) == key for orders in mean.orders) / n for key in distinct}

    def component(name: str) -> Image:
        image = np.zeros(chip.response.shape)
        for key, orders in distinct.items():
            image += weight[key] * _painted(scene, facts, orders, name)
        return image * chip.response

    target, sky = component("target"), component("sky")
    images = {"TARGET": target, "OBJECT": target, "SKY": sky}
    if scene.second_offset_arcsec is not None or scene.host_ab_mag is not None:
        images["OTHERS"] = component("others")
        images["OBJECT"] = target + images["OTHERS"]
    light = images["OBJECT"] + sky
    light = light + scattered(light / chip.response, scene.scattered_light) * chip.response
    seconds = scene.mean_time_s
    dark = np.minimum(chip.dark_e_per_s * seconds, chip.saturation_e)
    flat = mean.lamp if "flat" in mean.masters else np.ones_like(mean.lamp)
    reads = n * scene.integrations
    variance = (chip.read_variance + light + dark) / reads + _master_variance(scene, mean, images["OBJECT"] + sky, flat)
    if mean.off is not None:
        elsewhere = _light(scene, facts, mean, mean.off)
        variance = variance + chip.read_variance + elsewhere + dark
        images["SKY"] = np.zeros_like(sky)  # the same sky is in the off-frame
    wave, slit, order = _binned_map(scene, facts, canvases)
    outside = ~np.isfinite(order)
    charge = light * chip.defect_response + chip.dark_e_per_s * seconds
    images |= {
        "VARIANCE": np.where(outside, 0.0, variance),
        "FLAT": np.where(outside, 0.0, flat),
        "WAVE": wave,
        "SLIT": slit,
        "ORDER": order,
        "CRMASK": _hit_height(mean.cosmic_e, chip.read_variance + light + dark),
        "BADMASK": BAD * chip.bad + SATURATED * (charge + 3 * np.sqrt(charge) > _saturation_e(scene, chip)),
    }
    return images


def _painted(scene: Scene, facts: Facts, orders: Mapping[int, OrderLight], name: str) -> Image:
    """A component of one exposure on the binned frame, without the pixels' response."""
    canvases = {order: light.canvas for order, light in orders.items()}
    return bin_sum(
        add_orders(facts.optics.shape, canvases, {order: getattr(light, name) for order, light in orders.items()}), scene.binning
    )


def _light(scene: Scene, facts: Facts, mean: MeanExposure, orders: Mapping[int, OrderLight]) -> Image:
    """All light of one exposure, binned, scattered light left out."""
    canvases = {order: light.canvas for order, light in orders.items()}
    values = {order: light.target + light.others + light.sky for order, light in orders.items()}
    return bin_sum(add_orders(facts.optics.shape, canvases, values), scene.binning) * mean.chip.response


def _single_exposures(scene: Scene, facts: Facts, mean: MeanExposure, images: Mapping[str, Image]) -> list[dict[str, Image]]:
    """Target and variance of every exposure, where they differ: the best that can be done is to weigh each by its own signal-to-noise.

    The masters' variance is common to all and does not fall with their number.
    """
    if len({id(orders) for orders in mean.orders}) == 1:
        return []
    chip, n = mean.chip, len(mean.orders)
    canvases = {order: light.canvas for order, light in mean.orders[0].items()}
    flat = mean.lamp if "flat" in mean.masters else np.ones_like(mean.lamp)
    common = _master_variance(scene, mean, images["OBJECT"] + images["SKY"], flat)
    found = []
    for orders, time_s in zip(mean.orders, scene.times_s, strict=True):
        target, others, sky = (_painted(scene, facts, orders, name) * chip.response for name in ("target", "others", "sky"))
        unmoved = {order: light.target if light.target_unmoved is None else light.target_unmoved for order, light in orders.items()}
        at_first = bin_sum(add_orders(facts.optics.shape, canvases, unmoved), scene.binning) * chip.response
        light = target + others + sky
        light = light + scattered(light / chip.response, scene.scattered_light) * chip.response
        own = (chip.read_variance + light + np.minimum(chip.dark_e_per_s * time_s, chip.saturation_e)) / scene.integrations
        found.append({"TARGET": target, "AT_FIRST": at_first, "VARIANCE": np.where(images["VARIANCE"] > 0, own + n * common, 0.0)})
    return found


def _clear_target(scene: Scene, single: Sequence[Mapping[str, Image]]) -> Image:
    """The target in a mean exposure through clear air, where the first exposure has it: that of exposures within `CLEAR_SHARE` of the most transparent one."""
    return _mean([factor * one["AT_FIRST"] for factor, one in zip(_clear_factors(scene), single, strict=True)])


def _clear_factors(scene: Scene) -> FloatArray:
    """What to multiply the target of each exposure by, so that the mean stands for the mean time and clear air."""
    transparency = np.array(scene.exposure_transparency)
    level = transparency[transparency >= CLEAR_SHARE * transparency.max()].mean()
    return np.asarray(level / np.maximum(transparency, 1e-9) * scene.mean_time_s / np.array(scene.times_s))


def _order_rows(
    scene: Scene,
    facts: Facts,
    mean: MeanExposure,
    images: Mapping[str, Image],
    single: Sequence[Mapping[str, Image]],
    delivered: OrderPath,
    order: int,
) -> dict[str, FloatArray]:
    """Rows of one order: one per binned dispersion pixel inside the order's wavelength limits."""
    lights = [orders[order] for orders in mean.orders]
    canvas = lights[0].canvas
    dispersion_binning, slit_binning = _axis_binning(scene, facts)
    trace, wave, map_wave = _along_target(lights[0], delivered)
    binned = _binning_of(canvas.b_px, dispersion_binning)
    b = binned(canvas.b_px).astype(np.int64) // dispersion_binning
    trace_binned = (binned(trace) + 0.5) / slit_binning - 0.5
    use = _inside_order(facts, order, binned(wave), (trace_binned + 0.5) * slit_binning)
    place = (b, trace_binned, binned(canvas.a_px.mean(axis=1)), canvas.a_px.shape[1] // 2, order)
    sums = _clear_sums(scene, facts, images, single, place)
    factors = _clear_factors(scene)
    columns: dict[str, Any] = {
        "ORDER": np.full(b.size, order),
        "DISP_PIX": b,
        "WAVE": binned(wave),
        "WAVE_MAP": binned(map_wave),
        "PIXSCALE_NM": np.abs(np.gradient(binned(wave))),
        "TRACE": trace_binned,
        "OBJ_E": sums["object"],
        "OBJ_FLAT": sums["flattened"],
        "OBJ_E_ANALYTIC": dispersion_binning * binned(_mean([f * light.target_analytic for f, light in zip(factors, lights, strict=True)])),
        "SNR_IDEAL": sums["snr"],
        "SNR_IDEAL_AP14": sums["snr_aperture"],
        "FRAC_AP14": sums["aperture_fraction"],
        "SKY_E": sums["sky"],
        "FLAT_AT_TRACE": sums["flat"],
        "EFF_INSTRUMENT": instrument_efficiency(binned(wave), order, facts.arm, facts.spectral_format),
        "SLIT_FRACTION": binned(_mean([light.slit_fraction for light in lights])),
        "EFF_TOTAL": binned(_mean([light.efficiency * factor for light, factor in zip(lights, scene.exposure_transparency, strict=True)])),
    }
    return {name: values[use] for name, values in columns.items()}


def _inside_order(facts: Facts, order: int, wavelength_nm: FloatArray, from_edge_px: FloatArray) -> BoolArray:
    """Whether a wavelength is within the order's limits, and the target's place (unbinned px from the frame's edge) on the frame."""
    low, high = facts.spectral_format[order].full_nm
    return (wavelength_nm >= low) & (wavelength_nm <= high) & (from_edge_px > 0.0) & (from_edge_px < facts.optics.n_slit)


def _binning_of(b_px: IntArray, binning: int) -> Callable[[FloatArray | IntArray], FloatArray]:
    """What averages a value of every dispersion pixel of an order over the binned pixels that lie in it whole."""
    first = (-b_px[0]) % binning
    n = (b_px.size - first) // binning
    return lambda values: np.asarray(values[first : first + n * binning].reshape(n, binning).mean(axis=1))


def _along_target(light: OrderLight, delivered: OrderPath) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Place of the target along the slit (px), its true wavelength and that of the delivered map (nm), for every dispersion pixel."""
    columns, grid = light.canvas.columns, light.canvas.grid
    position = light.position_arcsec[:, None]
    trace = columns.a_px(position)[:, 0]
    wave = np.interp(columns.centre_b_at_slit(position)[:, 0], grid.b_px, grid.wavelength_nm)
    map_wave = np.interp(delivered.columns.centre_b(trace[:, None])[:, 0], delivered.grid.b_px, delivered.grid.wavelength_nm)
    return trace, wave, map_wave


def _clear_sums(
    scene: Scene, facts: Facts, images: Mapping[str, Image], single: Sequence[Mapping[str, Image]], place: Place
) -> dict[str, FloatArray]:
    """Sums of one order; where transparency differs between exposures, the object's in clear air and the S/N of all exposures together."""
    sums = _column_sums(scene, facts, images, *place)
    if "CLEAR" in images:
        at_clear = _column_sums(scene, facts, {**images, "TARGET": images["CLEAR"]}, *place)
        own = [_column_sums(scene, facts, {**images, **one}, *place)["snr"] for one in single]
        sums |= {"object": at_clear["object"], "flattened": at_clear["flattened"], "snr": np.sqrt(np.sum(np.square(own), axis=0))}
    return sums


def _column_sums(
    scene: Scene,
    facts: Facts,
    images: Mapping[str, Image],
    b: IntArray,
    trace: FloatArray,
    centre_px: FloatArray,
    half_px: int,
    order: int,
) -> dict[str, FloatArray]:
    """Sums over the pixels of an order, column by column, of the binned images."""
    along_x = facts.optics.dispersion_axis == "x"
    _, slit_binning = _axis_binning(scene, facts)
    cut = {name: (images[name].T if along_x else images[name]) for name in ("TARGET", "SKY", "VARIANCE", "FLAT", "ORDER")}
    half = half_px // slit_binning
    n_slit = cut["TARGET"].shape[1]
    a = np.rint((centre_px + 0.5) / slit_binning - 0.5).astype(np.int64)[:, None] + np.arange(-half, half + 1)[None, :]
    here = (b.astype(np.int64)[:, None], np.clip(a, 0, n_slit - 1))
    usable = (a >= 0) & (a < n_slit)
    target = np.where(usable, cut["TARGET"][here], 0.0)
    inside = usable & (cut["ORDER"][here] == order)
    variance, flat = cut["VARIANCE"][here], cut["FLAT"][here]
    total = target.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        brightest = np.max(np.where(inside, flat, 0.0), axis=1, keepdims=True)
        information = np.where(inside & (flat > LIT_SHARE * brightest) & (variance > 0), target**2 / variance, 0.0)
        # light of rows that the flat lights in part or not at all, where its image lies off the science frame's, counts as that of the others
        lit = inside & (flat > WHOLE_SHARE * brightest)
        seen = np.where(lit, target, 0.0).sum(axis=1)
        flattened = np.where(lit, target / flat, 0.0).sum(axis=1) * np.where(seen > 0, total / np.where(seen > 0, seen, 1.0), 1.0)
    near = np.abs(a - trace[:, None]) <= APERTURE_HALF_PX / slit_binning
    at_trace = (b.astype(np.int64), np.clip(np.rint(trace).astype(np.int64), 0, n_slit - 1))
    return {
        "object": total,
        "flattened": flattened,
        "snr": np.sqrt(information.sum(axis=1)),
        "snr_aperture": np.sqrt(np.where(near, information, 0.0).sum(axis=1)),
        "aperture_fraction": np.divide(np.where(near, target, 0.0).sum(axis=1), total, out=np.zeros_like(total), where=total > 0),
        "sky": cut["SKY"][at_trace],
        "flat": cut["FLAT"][at_trace],
    }


def _master_variance(scene: Scene, mean: MeanExposure, light: Image, flat: Image) -> Image:
    """Variance that the masters bring into the (un-flattened) mean exposure."""
    total = np.zeros_like(light)
    dark, bias = mean.masters.get("dark"), mean.masters.get("bias")
    if dark is not None:
        scale = 1.0 if scene.arm == "NIR" and scene.instrument == "SOXS" else scene.mean_time_s / dark.exptime_s
        total += (scale * dark.error) ** 2
        if bias is not None and not np.isclose(scale, 1.0):
            total += (1.0 - scale) ** 2 * bias.error**2
    elif bias is not None:
        total += bias.error**2
    if "flat" in mean.masters:
        with np.errstate(divide="ignore", invalid="ignore"):
            total += np.nan_to_num((light * mean.masters["flat"].error / flat) ** 2, posinf=0.0)
    return total


def _hit_height(cosmic_e: tuple[Image, ...], variance: Image) -> Image:
    """Height of the highest hit of each pixel in units of the noise of one exposure; 0 below 2, at most 255."""
    height = np.max(cosmic_e, axis=0) / np.sqrt(variance)
    return np.asarray(np.where(height >= 2.0, np.clip(np.floor(height), 2, 255), 0))


def _binned_map(scene: Scene, facts: Facts, canvases: Mapping[int, OrderCanvas]) -> tuple[Image, Image, Image]:
    """True wavelength, slit position and order on the binned frame: means over blocks that are inside one order altogether."""
    model = science_optics(scene.of_exposure(0), facts)
    images = map_images(model, canvases, 0.5 * facts.arm.slit_length_arcsec)
    area = scene.binning[0] * scene.binning[1]
    wave, slit, order = (bin_sum(image, scene.binning) / area for image in images)
    return wave, slit, order


def _axis_binning(scene: Scene, facts: Facts) -> tuple[int, int]:
    """Binning along the dispersion and along the slit."""
    return scene.binning if facts.optics.dispersion_axis == "x" else scene.binning[::-1]


def _saturation_e(scene: Scene, chip: Chip) -> float:
    """Electrons above which a pixel is saturated, in the well or in the converter."""
    if scene.arm == "NIR":
        return chip.saturation_e
    return min(chip.saturation_e, 65535.0 * chip.gain_e_per_adu - float(np.median(chip.bias_e)))


def _mean(arrays: list[FloatArray]) -> FloatArray:
    return np.asarray(np.mean(arrays, axis=0))


def _header(scene: Scene, facts: Facts, mean: MeanExposure) -> dict[str, str | int | float | bool]:
    return {
        "ARM": scene.arm,
        "KIND": "std" if scene.is_standard else "sci",
        "SEED": scene.seed,
        "EXPTIME": scene.mean_time_s,
        "NDIT": scene.integrations,
        "AIRMASS": scene.airmass,
        "SEEING": float(np.mean(scene.exposure_seeing)),
        "BRIGHT": scene.ab_mag if scene.ab_mag is not None else -1.0,
        "NFRAMES": scene.exposures,
        "GAIN": mean.chip.gain_e_per_adu,
        "RON": mean.chip.read_noise_e,
        "TARGET": scene.target_name,
        "NCR": mean.n_cosmic_rays,
        "DISPAX": facts.optics.dispersion_axis,
        "FLATNORM": scene.flat_electrons,
        "BIASLEV": float(np.median(mean.chip.bias_e) / mean.chip.gain_e_per_adu),
        "MAPERR": scene.map_error_px,
        "SLITW": scene.slit_width_arcsec,
        "OFFSET": scene.offset_arcsec,
        "INSTRUME": scene.instrument,
        "BINX": scene.binning[0],
        "BINY": scene.binning[1],
        "FLATTED": "flat" in mean.masters,
        "FLEXDISP": scene.flexure_dispersion_px,
        "FLEXSLIT": scene.flexure_slit_px,
        "TRANSP": float(np.mean(scene.exposure_transparency)),
        "COLLAREA": facts.arm.collecting_area_cm2,
        **{f"FLEXD{order}": shift for order, shift in dispersion_flexure(scene.of_exposure(0), mean.orders[0]).items()},
        **{f"FLEXS{order}": shift for order, shift in slit_flexure(scene.of_exposure(0), mean.orders[0]).items()},
    }
