"""Simulated raw calibration frames as files: frames, sets-of-files, truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.simulated import EPOCH, detector_cards
from soxspipe.simulate.calibration_truth import CalibrationTruth
from soxspipe.simulate.calibrations import CalibrationSet, FramePlan

LAMP_CARDS = {
    "qth": ("ESO INS QTH NAME", "Qth_Lamp"),
    "d2": ("ESO INS DEUT NAME", "Deut_Lamp"),
    "argo": ("ESO INS ARGO NAME", "Argo_Lamp"),
    "neon": ("ESO INS NEON NAME", "Neon_Lamp"),
    "merc": ("ESO INS MERC NAME", "Merc_Lamp"),
    "xeno": ("ESO INS XENO NAME", "Xeno_Lamp"),
    "thar": ("ESO INS THAR NAME", "Thar_Lamp"),
}
"""Keyword and value that say which lamp is on; absent when it is off."""

TRUTH_STEPS = {
    "WAVE": 1e-5, "SLIT": 1e-4, "ORDER": 0.5, "PEDESTAL": 0.01, "DARKRATE": 1e-4, "RESPONSE": 1e-5, "ILLUMINATION": 1e-5,
    "THERMAL": 1e-3,
}  # fmt: skip
"""Steps in which truth images are stored; light in steps of 0.1 electron."""

_TRUTH_UNITS = {"WAVE": "nm", "PIXSCALE_NM": "nm", "DISP_PIX": "pixel", "CENTRE": "pixel", "EDGE_LOW": "pixel", "EDGE_UP": "pixel"}


def write_calibration_set(simulated: CalibrationSet, folder: Path) -> list[Path]:
    """Write raw calibration frames, a set-of-files for each kind, and the truth.

    Parameters
    ----------
    simulated : CalibrationSet
        What to take.
    folder : Path
        Is made if need be; files of the same names are replaced.

    Returns
    -------
    list of Path
        Sets-of-files first, then the frames, the truth (``truth_cal.fits``) last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[tuple[Path, str]]] = {}
    for plan, adu in simulated.frames():
        path = folder / f"{simulated.scene.arm}_{plan.stem}_{plan.number}.fits"
        fits.PrimaryHDU(adu, header=raw_calibration_header(simulated, plan)).writeto(path, overwrite=True)
        groups.setdefault(set_name(simulated, plan), []).append((path, plan.dpr_type.replace(",", "_") + f"_{simulated.scene.arm}"))
    sofs = []
    for name, entries in groups.items():
        sof = folder / f"{name}.sof"
        sof.write_text("".join(f"{path.resolve()} {tag}\n" for path, tag in entries), encoding="utf-8")
        sofs.append(sof)
    truth = folder / "truth_cal.fits"
    write_calibration_truth(truth, simulated.truth())
    return [*sofs, *(path for entries in groups.values() for path, _ in entries), truth]


def set_name(simulated: CalibrationSet, plan: FramePlan) -> str:
    """Name of the set-of-files that a frame belongs to: the organiser's template, one set a recipe and exposure time."""
    scene = simulated.scene
    first = next(other for other in simulated.plans if _recipe(other) == _recipe(plan) and other.exptime_s == plan.exptime_s)
    start = (EPOCH + timedelta(days=first.mjd)).strftime("%Y%m%dT%H%M%S")
    seconds = f"{plan.exptime_s:g}".replace(".", "PT")
    parts = [start, scene.arm, *([] if scene.arm == "NIR" else [f"{scene.binning[0]}X{scene.binning[1]}", "1"]), _recipe(plan)]
    parts += [] if plan.exptime_s == 0 else [f"{seconds}S"]
    return "_".join([*parts, scene.instrument])


def raw_calibration_header(simulated: CalibrationSet, plan: FramePlan) -> fits.Header:
    """Header of a raw calibration frame taken in the afternoon: no rotator angle, no air mass of a target."""
    scene = simulated.scene
    soxs = scene.instrument == "SOXS"
    slit_keys = ("INS VISE NAME", "INS NISE NAME") if soxs else ("INS OPTI3 NAME", "INS OPTI4 NAME", "INS OPTI5 NAME")
    cards: list[tuple[str, Any]] = [
        ("INSTRUME", "SOXS" if soxs else "XSHOOTER"),
        ("TELESCOP", "ESO-NTT" if soxs else "ESO-VLT-U3"),
        ("DATE-OBS", (EPOCH + timedelta(days=plan.mjd)).isoformat(timespec="milliseconds")),
        ("MJD-OBS", plan.mjd),
        ("EXPTIME", plan.exptime_s),
        ("OBJECT", plan.dpr_type),
        ("RA", 246.0),
        ("DEC", -39.2),
        ("ESO SEQ ARM", scene.arm),
        ("ESO DET READ CURID" if soxs else "ESO DET READ SPEED", 1 if soxs else "100k/1pt/hg"),
        *((f"ESO {key}", plan.slit) for key in slit_keys),
        ("ESO OBS ID", 1000 + scene.seed),
        ("ESO OBS NAME", "CALIB"),
        ("ESO OBS TARG NAME", plan.dpr_type),
        ("ESO TPL ID", f"SOXS_gen_cal_{scene.arm}_{plan.stem}"),
        ("ESO TPL NAME", "simulation"),
        ("ESO TPL EXPNO", plan.number + 1),
        ("ESO TPL NEXP", plan.of),
        ("ESO DPR CATG", "CALIB"),
        ("ESO DPR TYPE", plan.dpr_type),
        ("ESO DPR TECH", plan.dpr_tech),
        *(LAMP_CARDS[lamp] for lamp in plan.lamps),
    ]
    if soxs:
        cards += [("ESO INS TEMP217 VAL", 40.0), ("ESO INS TEMP104 VAL", 153.0), ("ESO INS TEMP301 VAL", 12.0)]
    header = fits.Header()
    for keyword, value in [*cards, *detector_cards(scene, simulated.detector)]:
        header[f"HIERARCH {keyword}" if keyword.startswith("ESO ") else keyword] = value
    return header


def write_calibration_truth(path: Path, truth: CalibrationTruth) -> None:
    """Write the truth as one FITS file: tables, and images packed in the steps of `TRUTH_STEPS`."""
    header = fits.Header()
    for keyword, value in truth.header.items():
        header[keyword] = value
    hdus: list[Any] = [fits.PrimaryHDU(header=header)]
    hdus += [_table(columns, name) for name, columns in truth.tables.items()]
    for name, image in truth.images.items():
        step = {} if image.dtype.kind == "u" else {"quantize_level": -TRUTH_STEPS.get(name, 0.1)}
        hdus.append(fits.CompImageHDU(np.ascontiguousarray(image), name=name, **step))
    fits.HDUList(hdus).writeto(path, overwrite=True)


def read_calibration_truth(path: Path) -> CalibrationTruth:
    """Read a truth file of raw calibration frames.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it holds something else.
    """
    if not path.is_file():
        raise MissingInputError(f"there is no truth {path}")
    with fits.open(path) as hdus:
        if "CENTRES" not in hdus:
            raise InputError(f"{path} is not the truth of calibration frames: it has no table CENTRES")
        tables = {
            hdu.name: {name: _native(hdu.data[name]) for name in hdu.columns.names} for hdu in hdus[1:] if type(hdu) is fits.BinTableHDU
        }
        images = {hdu.name: _native(hdu.data) for hdu in hdus[1:] if isinstance(hdu, fits.CompImageHDU | fits.ImageHDU)}
        header = {keyword: value for keyword, value in hdus[0].header.items() if keyword not in ("SIMPLE", "BITPIX", "NAXIS", "EXTEND")}
    return CalibrationTruth(header=header, tables=tables, images=images)


def _recipe(plan: FramePlan) -> str:
    """What the organiser calls the set of a frame."""
    kind = plan.stem.split("_")[0].rstrip("0123456789.")
    return {"bias": "MBIAS", "dark": "MDARK", "flat": "MFLAT"}.get(kind, kind.upper()) + (
        f"_{plan.slit.replace('.', '_')}" if plan.slit != "BLIND" else ""
    )


def _table(columns: Mapping[str, NDArray[Any]], name: str) -> fits.BinTableHDU:
    kinds = {"i": "K", "u": "K", "b": "L"}
    made = []
    for column, values in columns.items():
        kind = kinds.get(values.dtype.kind, "D") if values.dtype.kind != "U" else f"{values.dtype.itemsize // 4}A"
        made.append(fits.Column(name=column, format=kind, array=values, unit=_TRUTH_UNITS.get(column)))
    return fits.BinTableHDU.from_columns(made, name=name)


def _native(values: Any) -> NDArray[Any]:
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind in "iuf" else array
