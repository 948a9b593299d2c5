"""The truth of a set of raw calibration frames, in the form that the cascade's scorer reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from soxspipe.datamodel.arrays import BoolImage, FloatArray, Image
from soxspipe.simulate.arc_lamps import line_images
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.delivered import map_images
from soxspipe.simulate.detector import Chip, bin_sum, scattered
from soxspipe.simulate.lamps import LampLight, slit_transmission
from soxspipe.simulate.lightpath import calibration_optics
from soxspipe.simulate.paint import OrderCanvas, add_to_image
from soxspipe.simulate.simulation import Facts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationTruth:
    """The truth of raw calibration frames.

    Attributes
    ----------
    header : mapping
        Scalars of the scene, by keyword.
    tables : mapping of str to mapping of str to ndarray
        Columns by table; ``CENTRES`` has, for each order and dispersion pixel, wavelength, slit centre and both edges;
        ``LINES``, where there are arcs, each image of each line: where it is, its electrons, and whether it is listed and missing.
    images : mapping of str to ndarray
        Of the trimmed, binned frame: ``WAVE``, ``SLIT``, ``ORDER`` (unbinned), ``PEDESTAL`` (e-), ``DARKRATE`` (e-/s), light of each flat
        (``FLAT_QTH``, ``FLAT_D2``, e-), its scattered light (``SCATTER_QTH``), ``RESPONSE`` of the pixels, ``ILLUMINATION`` of the slit,
        lamp times blaze (``BLAZE_QTH``), ambient light through the slit (``THERMAL``, e-/s, NIR), ``HOT``, ``COLD`` and ``UNSTABLE`` pixels.
    """

    header: Mapping[str, str | int | float | bool]
    tables: Mapping[str, Mapping[str, FloatArray]]
    images: Mapping[str, Image]


def make_calibration_truth(
    scene: CalibrationScene,
    facts: Facts,
    chip: Chip,
    unstable: BoolImage,
    canvases: Mapping[int, OrderCanvas],
    lights: Mapping[str, LampLight],
    light_images: Mapping[str, Image],
) -> CalibrationTruth:
    """Collect the truth; light images are binned and without pixel response."""
    optics = calibration_optics(scene, facts)
    wave, slit, order = map_images(optics, canvases, 0.5 * facts.arm.slit_length_arcsec)
    images: dict[str, Image] = {
        "WAVE": wave,
        "SLIT": slit,
        "ORDER": order,
        "PEDESTAL": chip.bias_e,
        "DARKRATE": chip.dark_e_per_s,
        "RESPONSE": chip.response * chip.defect_response,
        "ILLUMINATION": slit_transmission(scene, np.nan_to_num(slit), 0.5 * facts.arm.slit_length_arcsec),
        "HOT": chip.hot.astype(np.uint8),
        "COLD": chip.dead.astype(np.uint8),
        "UNSTABLE": unstable.astype(np.uint8),
    }
    for name in lights:
        if name.startswith("flat_"):
            lamp = name.removeprefix("flat_").upper()
            images[f"FLAT_{lamp}"] = light_images[name] * chip.response * chip.defect_response
            images[f"SCATTER_{lamp}"] = scattered(light_images[name], scene.scattered_light) * chip.response * chip.defect_response
            images[f"BLAZE_{lamp}"] = _along_image(scene, optics.shape, canvases, lights[name])
    if "thermal" in light_images:
        images["THERMAL"] = light_images["thermal"] * chip.response * chip.defect_response
    tables = {"CENTRES": _centres(facts, canvases)}
    for name in ("multi_pinhole_arc", "pinhole_arc"):  # images of the mask hold those of the single pinhole
        if name in lights:
            tables["LINES"] = line_images(scene, facts, canvases, multiple=name.startswith("multi"))
            break
    return CalibrationTruth(header=_header(scene, facts, chip), tables=tables, images=images)


def _along_image(scene: CalibrationScene, shape: tuple[int, int], canvases: Mapping[int, OrderCanvas], light: LampLight) -> Image:
    """Lamp times blaze at the slit's centre, spread over the slit along the lines of one wavelength."""
    image = np.zeros(shape)
    for order, canvas in canvases.items():
        centre_b = canvas.columns.centre_b(canvas.a_px.astype(np.float64))
        add_to_image(image, canvas, np.interp(centre_b, canvas.b_px, light.along[order]))
    return bin_sum(image, scene.binning)


def _centres(facts: Facts, canvases: Mapping[int, OrderCanvas]) -> dict[str, FloatArray]:
    """Rows of every order inside its wavelength limits, unbinned pixels."""
    half = 0.5 * facts.arm.slit_length_arcsec
    parts: dict[str, list[FloatArray]] = {}
    for order, canvas in sorted(canvases.items()):
        columns = canvas.columns
        ends = columns.a_px(np.array([[-half, half]]))
        low, high = facts.spectral_format[order].full_nm
        use = (columns.wavelength_nm >= low) & (columns.wavelength_nm <= high) & (ends.min(axis=1) > 0)
        use &= ends.max(axis=1) < facts.optics.n_slit - 1
        rows = {
            "ORDER": np.full(canvas.b_px.size, order),
            "DISP_PIX": canvas.b_px,
            "WAVE": columns.wavelength_nm,
            "CENTRE": columns.centre_px,
            "EDGE_LOW": ends.min(axis=1),
            "EDGE_UP": ends.max(axis=1),
            "PIXSCALE_NM": np.abs(np.gradient(columns.wavelength_nm)),
        }
        for name, values in rows.items():
            parts.setdefault(name, []).append(values[use])
    return {name: np.concatenate(values) for name, values in parts.items()}


def _header(scene: CalibrationScene, facts: Facts, chip: Chip) -> dict[str, str | int | float | bool]:
    return {
        "ARM": scene.arm,
        "SEED": scene.seed,
        "GAIN": chip.gain_e_per_adu,
        "RON": chip.read_noise_e,
        "DISPAX": facts.optics.dispersion_axis,
        "SHIFTX": scene.geometry_shift_px[0],
        "SHIFTY": scene.geometry_shift_px[1],
        "ROTATION": scene.geometry_rotation_deg,
        "STRETCH": scene.geometry_stretch,
        "DISTORT": scene.geometry_distortion_px,
        "NIST": True,  # lines stand at laboratory wavelengths
        "BIASLEV": float(np.median(chip.bias_e)),
    }
