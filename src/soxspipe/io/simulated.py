"""Simulated observations as files: raw frames, masters, tables, set-of-files and truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from astropy.io import fits

from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.detector import Detector
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.simulation import DeliveredMap, MasterImage, Simulation, Truth

ARC_EXPTIME_S = 60.0
READ_OUT_S = 3.3
"""Pause after each integration (2413 s for 4 of 600 s)."""
EPOCH = datetime(1858, 11, 17)
HeaderCard: TypeAlias = tuple[str, Any]
_TRUTH_UNITS = {
    "WAVE": "nm",
    "WAVE_MAP": "nm",
    "PIXSCALE_NM": "nm",
    "DISP_PIX": "pixel",
    "TRACE": "pixel",
    "OBJ_E": "electron",
    "OBJ_FLAT": "electron",
    "OBJ_E_ANALYTIC": "electron",
    "SKY_E": "electron",
    "FLUX": "erg s-1 cm-2 Angstrom-1",
}


def write_data_set(simulation: Simulation, scene: Scene, folder: Path) -> list[Path]:
    """Write a complete data set.

    Parameters
    ----------
    simulation : Simulation
        What was made.
    scene : Scene
        What it was made of.
    folder : Path
        Is made if need be; files of the same names are replaced.

    Returns
    -------
    list of Path
        The set-of-files first, the truth last.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arm, kind = scene.arm, "std" if scene.is_standard else "sci"
    entries: list[tuple[Path, str]] = []
    tag = f"{'STD,FLUX' if scene.is_standard else 'OBJECT'}_{arm}".replace(",", "_")
    for number, (adu, mjd) in enumerate(zip(simulation.raw_adu, simulation.mjd, strict=True)):
        path = folder / f"raw_{arm}_{kind}_{number}.fits"
        fits.PrimaryHDU(adu, header=raw_header(scene, simulation, mjd)).writeto(path, overwrite=True)
        entries.append((path, tag))
    for name, master in simulation.masters.items():
        path = folder / f"master_{name}_{arm}.fits"
        _write_master(path, master, _product_header(scene, simulation, f"MASTER_{name.upper()}_{arm}", "IMAGE", master.exptime_s))
        entries.append((path, f"MASTER_{name.upper()}_{arm}"))
    if simulation.off_adu is not None:
        path = folder / f"off_{arm}.fits"
        header = raw_header(scene, simulation, simulation.mjd[-1])
        header["HIERARCH ESO DPR TECH"] = "IMAGE"
        fits.PrimaryHDU(simulation.off_adu, header=header).writeto(path, overwrite=True)
        entries.append((path, tag))
    entries += _write_geometry(folder, scene, simulation)
    truth = folder / "truth.fits"
    write_truth(truth, simulation.truth)
    sof = folder / sof_name(scene)
    sof.write_text("".join(f"{path.resolve()} {tag}\n" for path, tag in entries), encoding="utf-8")
    return [sof, *(path for path, _ in entries), truth]


def sof_name(scene: Scene) -> str:
    """Name of the set-of-files: the organiser's template."""
    start = datetime(2025, 3, 2, 2).strftime("%Y%m%dT%H%M%S")
    mode = "STARE_STD_FLUX" if scene.is_standard else "STARE_OBJECT"
    exptime = f"{scene.exptime_s:.1f}".replace(".", "PT")
    name = "".join(character for character in scene.target_name if character.isalnum())
    binning = f"{scene.binning[0]}X{scene.binning[1]}"
    return f"{start}_{scene.arm}_{binning}_{scene.seed}_{mode}_{exptime}S_{scene.instrument}_{name.upper()}.sof"


def write_truth(path: Path, truth: Truth) -> None:
    """Write the truth of an observation as one FITS file."""
    header = fits.Header()
    for keyword, value in truth.header.items():
        header[keyword] = value
    hdus = [fits.PrimaryHDU(header=header), _table(truth.orders, "ORDERS"), _table(truth.source, "SOURCE")]
    hdus += [fits.ImageHDU(image, name=name) for name, image in truth.images.items()]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def read_truth(path: Path) -> Truth:
    """Read a truth file."""
    with fits.open(path) as hdus:
        images = {hdu.name: _native(hdu.data) for hdu in hdus[1:] if isinstance(hdu, fits.ImageHDU)}
        header = {keyword: value for keyword, value in hdus[0].header.items() if keyword not in ("SIMPLE", "BITPIX", "NAXIS", "EXTEND")}
        return Truth(header=header, orders=_read_table(hdus["ORDERS"]), source=_read_table(hdus["SOURCE"]), images=images)


def _read_table(hdu: Any) -> dict[str, FloatArray]:
    return {name: _native(hdu.data[name]) for name in hdu.columns.names}


def _native(values: Any) -> FloatArray:
    array = np.asarray(values)
    return array.astype(array.dtype.newbyteorder("="))


def _table(columns: Mapping[str, FloatArray], name: str) -> fits.BinTableHDU:
    made = []
    for column, values in columns.items():
        whole = np.issubdtype(values.dtype, np.integer)
        made.append(fits.Column(name=column, format="K" if whole else "D", array=values, unit=_TRUTH_UNITS.get(column)))
    return fits.BinTableHDU.from_columns(made, name=name)


def _write_master(path: Path, master: MasterImage, header: fits.Header) -> None:
    header["BUNIT"] = "electron"
    flux = fits.PrimaryHDU(master.value.astype(np.float32), header=header)
    flux.header["EXTNAME"] = "FLUX"
    errors = fits.ImageHDU(master.error.astype(np.float32), name="ERRS")
    errors.header["UTYPE"] = "StdDevUncertainty"
    errors.header["BUNIT"] = "electron"
    fits.HDUList([flux, fits.ImageHDU(master.bad.astype(np.uint8), name="QUAL"), errors]).writeto(path, overwrite=True)


def _write_geometry(folder: Path, scene: Scene, simulation: Simulation) -> list[tuple[Path, str]]:
    arm, delivered = scene.arm, simulation.delivered
    orders, table, image = (folder / f"{name}_{arm}.fits" for name in ("order_table", "disp_table", "disp_image"))
    header = _product_header(scene, simulation, f"ORDER_TAB_{arm}", "ECHELLE,SLIT", scene.exptime_s)
    fits.HDUList([fits.PrimaryHDU(header=header), *_order_tables(simulation)]).writeto(orders, overwrite=True)
    header = _product_header(scene, simulation, f"DISP_TAB_{arm}", "ECHELLE,MULTI-PINHOLE", ARC_EXPTIME_S)
    header["MJD-OBS"], header["DATE-OBS"] = simulation.arc_mjd, _date(simulation.arc_mjd)
    _put_angles(header, scene, scene.arc_rotator_deg)
    fits.HDUList([fits.PrimaryHDU(header=header), _dispersion_table(delivered)]).writeto(table, overwrite=True)
    header = _product_header(scene, simulation, f"DISP_IMAGE_{arm}", "ECHELLE,MULTI-PINHOLE", scene.exptime_s)
    first = fits.PrimaryHDU(delivered.wavelength_nm, header=header)
    first.header["EXTNAME"] = "WAVELENGTH"
    others = [fits.ImageHDU(delivered.slit_arcsec, name="SLIT"), fits.ImageHDU(delivered.order, name="ORDER")]
    fits.HDUList([first, *others]).writeto(image, overwrite=True)
    return [(orders, f"ORDER_TAB_{arm}"), (table, f"DISP_TAB_{arm}"), (image, f"DISP_IMAGE_{arm}")]


def _order_tables(simulation: Simulation) -> list[fits.BinTableHDU]:
    """Coefficients in one row, and one row of limits per order."""
    delivered = simulation.delivered
    b, a = ("x", "y") if simulation.truth.header["DISPAX"] == "x" else ("y", "x")
    columns = []
    flat = np.zeros_like(delivered.centre)
    flat[0, 0] = 4.0
    surfaces = (
        ("cent", "cent_", delivered.centre),
        ("std", "std_", flat),
        ("edgeup", "edgeup_c", delivered.high),
        ("edgelow", "edgelow_c", delivered.low),
    )
    for name, stem, surface in surfaces:
        columns += [_integer(f"degorder_{name}", surface.shape[0] - 1), _integer(f"deg{b}_{name}", surface.shape[1] - 1)]
        columns += [_number(f"{stem}{i}{j}", surface[i, j]) for i in range(surface.shape[0]) for j in range(surface.shape[1])]
    limits = np.array([[order, *values] for order, values in sorted(delivered.limits.items())], dtype=np.float64)
    names = ("order", f"{b}min", f"{b}max", f"{a}min", f"{a}max")
    rows = [fits.Column(name=name, format="D", array=limits[:, index]) for index, name in enumerate(names)]
    return [fits.BinTableHDU.from_columns(columns), fits.BinTableHDU.from_columns(rows)]


def _dispersion_table(delivered: DeliveredMap) -> fits.BinTableHDU:
    """Two rows, x and y; coefficients that a row does not have are NaN."""
    both = {"x": delivered.x_coefficients, "y": delivered.y_coefficients}
    shape = np.max([surface.shape for surface in both.values()], axis=0)
    columns = [fits.Column(name="axis", format="1A", array=np.array(list(both)))]
    for index, name in enumerate(("order_deg", "wavelength_deg", "slit_deg")):
        columns.append(fits.Column(name=name, format="K", array=[surface.shape[index] - 1 for surface in both.values()]))
    for i, j, k in np.ndindex(*shape):
        inside = [i < s.shape[0] and j < s.shape[1] and k < s.shape[2] for s in both.values()]
        values = [surface[i, j, k] if use else np.nan for surface, use in zip(both.values(), inside, strict=True)]
        columns.append(fits.Column(name=f"c{i}{j}{k}", format="D", array=values))
    return fits.BinTableHDU.from_columns(columns)


def _integer(name: str, value: int) -> fits.Column:
    return fits.Column(name=name, format="K", array=[value])


def _number(name: str, value: float) -> fits.Column:
    return fits.Column(name=name, format="D", array=[value])


def raw_header(scene: Scene, simulation: Simulation, mjd: float) -> fits.Header:
    """Header of a raw exposure of the sky."""
    header = _observation_header(scene, simulation, mjd)
    header["HIERARCH ESO DPR CATG"] = "CALIB" if scene.is_standard else "SCIENCE"
    header["HIERARCH ESO DPR TYPE"] = "STD,FLUX" if scene.is_standard else "OBJECT"
    header["HIERARCH ESO DPR TECH"] = "ECHELLE,SLIT,STARE"
    for keyword, value in _raw_detector_cards(scene, simulation.detector, _time_at(scene, simulation, mjd)):
        header[f"HIERARCH {keyword}"] = value
    _put_angles(header, scene, scene.rotator_deg)
    return header


def _product_header(scene: Scene, simulation: Simulation, category: str, technique: str, exptime_s: float) -> fits.Header:
    header = _observation_header(scene, simulation, simulation.mjd[0])
    header["EXPTIME"] = exptime_s
    header["SXSPRE"] = "2025-03-02T02:00:00.000000"
    header["HIERARCH ESO PRO CATG"] = category
    header["HIERARCH ESO PRO TYPE"] = "REDUCED"
    header["HIERARCH ESO PRO TECH"] = technique
    return header


def _date(mjd: float) -> str:
    return (EPOCH + timedelta(days=mjd)).isoformat(timespec="milliseconds")


def _put_angles(header: fits.Header, scene: Scene, rotator_deg: float | None) -> None:
    """Rotator and parallactic angle: as they are, as placeholders, or none (the rotator's card is left out where it is not known)."""
    parallactic = 0.0 if scene.rotator_placeholder else 10.0
    header["HIERARCH ESO TEL PARANG START"] = parallactic
    header["HIERARCH ESO TEL PARANG END"] = parallactic
    header["HIERARCH ESO ADA POSANG"] = 0.0 if scene.rotator_placeholder else scene.slit_angle_deg - parallactic
    if scene.rotator_placeholder or rotator_deg is not None:
        header["HIERARCH ESO ADA ABSROT END"] = 0.0 if scene.rotator_placeholder else rotator_deg


def _observation_header(scene: Scene, simulation: Simulation, mjd: float) -> fits.Header:
    """Cards that raw frames and calibrations share."""
    cards = [*_exposure_cards(scene, simulation, mjd), *_template_cards(scene, mjd), *_telescope_cards(scene)]
    header = fits.Header()
    for keyword, value in [*cards, *detector_cards(scene, simulation.detector)]:
        header[f"HIERARCH {keyword}" if keyword.startswith("ESO ") else keyword] = value
    return header


def _exposure_cards(scene: Scene, simulation: Simulation, mjd: float) -> list[HeaderCard]:
    """What was observed, when and through which slit."""
    soxs = scene.instrument == "SOXS"
    slit = f"SLIT{scene.slit_width_arcsec:.1f}{'JH' if scene.blocking_filter else ''}"
    slit_keys = ("INS VISE NAME", "INS NISE NAME") if soxs else ("INS OPTI3 NAME", "INS OPTI4 NAME", "INS OPTI5 NAME")
    return [
        ("ORIGIN", "ESO-LASILLA" if soxs else "ESO-PARANAL"),
        ("INSTRUME", "SOXS" if soxs else "XSHOOTER"),
        ("TELESCOP", "ESO-NTT" if soxs else "ESO-VLT-U3"),
        ("DATE-OBS", _date(mjd)),
        ("MJD-OBS", mjd),
        ("EXPTIME", _time_at(scene, simulation, mjd)),
        ("OBJECT", scene.target_name),
        ("RA", simulation.pointing_deg[0]),
        ("DEC", simulation.pointing_deg[1]),
        ("EQUINOX", 2000.0),
        ("RADESYS", "FK5"),
        ("TIMESYS", "UTC"),
        ("UTC", round((mjd % 1.0) * 86400.0, 3)),
        ("LST", 43200.0),
        ("PI-COI", "simulation"),
        ("OBSERVER", "simulation"),
        ("ESO SEQ ARM", scene.arm),
        ("ESO DET READ CURID" if soxs else "ESO DET READ SPEED", 1 if soxs else "100k/1pt/hg"),
        *((f"ESO {key}", slit) for key in slit_keys),
    ]


def _template_cards(scene: Scene, mjd: float) -> list[HeaderCard]:
    """Observing block and template."""
    return [
        ("ESO OBS PROG ID", "60.A-9000(A)"),
        ("ESO OBS CONTAINER ID", 0),
        ("ESO OBS EXECTIME", 600),
        ("ESO OBS GRP", "0"),
        ("ESO OBS NTPL", 1),
        ("ESO OBS OBSERVER", "simulation"),
        ("ESO OBS PI-COI ID", 0),
        ("ESO OBS PI-COI NAME", "simulation"),
        ("ESO OBS START", _date(mjd)[:19]),
        ("ESO OBS TPLNO", 1),
        ("ESO OBS ID", 1000 + scene.seed),
        ("ESO OBS NAME", "STD_stare" if scene.is_standard else "SCI_stare"),
        ("ESO OBS TARG NAME", scene.target_name),
        ("ESO TPL ID", "SOXS_slt_obs_StareSynchro"),
        ("ESO TPL NAME", "simulation"),
        ("ESO TPL MODE", "STARE"),
        ("ESO TPL START", _date(mjd)[:19]),
        ("ESO TPL VERSION", "1.0"),
        ("ESO TPL EXPNO", 1),
        ("ESO TPL NEXP", scene.exposures),
    ]


def _telescope_cards(scene: Scene) -> list[HeaderCard]:
    """Telescope, air and instrument."""
    soxs = scene.instrument == "SOXS"
    seeing = round(float(np.mean(scene.exposure_seeing)), 3)
    temperatures = {"TEMP217": 40.0, "TEMP104": 153.0, "TEMP301": 12.0} if soxs else {}
    return [
        ("ESO TEL AIRM START", scene.airmass),
        ("ESO TEL AIRM END", scene.airmass),
        ("ESO TEL AMBI FWHM START", seeing),
        ("ESO TEL AMBI FWHM END", seeing),
        ("ESO TEL AMBI PRES START", 772.0),
        ("ESO TEL AMBI RHUM", 20.0),
        ("ESO TEL AMBI TEMP", 12.0),
        ("ESO TEL AMBI WINDDIR", 0.0),
        ("ESO TEL AMBI WINDSP", 5.0),
        ("ESO TEL GEOELEV", 2375.0 if soxs else 2635.0),
        ("ESO TEL GEOLAT", -29.2584 if soxs else -24.6268),
        ("ESO TEL GEOLON", -70.7345 if soxs else -70.4045),
        ("ESO TEL TARG EPOCH", 2000.0),
        ("ESO TEL TARG EQUINOX", 2000.0),
        ("ESO TEL TRAK STATUS", "NORMAL"),
        ("ESO TEL ID", "NTT" if soxs else "UT3"),
        ("ESO DET NDIT", 1),
        ("ESO DET EXP ID", 1),
        ("ESO DET SHUT TYPE", "none"),
        ("ESO INS MODE", "SLITSPEC"),
        ("ESO TEL AZ", 100.0),
        ("ESO TEL ALT", 55.0),
        *((f"ESO INS {name} VAL", celsius) for name, celsius in temperatures.items()),
    ]


def _time_at(scene: Scene, simulation: Simulation, mjd: float) -> float:
    """Time of one integration of the exposure that started at `mjd`."""
    return next((time for time, start in zip(scene.times_s, simulation.mjd, strict=True) if start == mjd), scene.exptime_s)


def _raw_detector_cards(scene: Scene, detector: Detector, time_s: float) -> list[tuple[str, Any]]:
    """What raw frames alone say of integrations, and what they say wrongly where the scene wants them to."""
    cards: list[tuple[str, Any]] = []
    if scene.integrations > 1:
        cards += [("ESO DET NDIT", scene.integrations), ("ESO DET SEQ1 EXPTIME", scene.integrations * (time_s + READ_OUT_S))]
    if scene.header_read_noise_e is not None:
        near_infrared = scene.instrument == "SOXS" and scene.arm == "NIR"
        cards.append(("ESO DET CHIP RON" if near_infrared else "ESO DET OUT1 RON", scene.header_read_noise_e))
    if scene.header_gain_swapped:
        gain = detector.gain_e_per_adu
        cards += [("ESO DET OUT1 CONAD", 1.0 / gain), ("ESO DET OUT1 GAIN", gain)]
    return cards


def detector_cards(scene: Scene, detector: Detector) -> list[tuple[str, Any]]:
    """Binning, gain and read noise; the SOXS NIR headers have none unless they differ from the detector file."""
    if scene.instrument == "SOXS" and scene.arm == "NIR":
        ron = [("ESO DET CHIP RON", detector.read_noise_e)] if scene.read_noise_e else []
        gain = detector.gain_e_per_adu
        return ron + ([("ESO DET OUT1 CONAD", gain), ("ESO DET OUT1 GAIN", 1.0 / gain)] if scene.gain_e_per_adu else [])
    soxs = scene.instrument == "SOXS"
    binning = ("ESO DET BINX", "ESO DET BINY") if soxs else ("ESO DET WIN1 BINX", "ESO DET WIN1 BINY")
    return [
        (binning[0], scene.binning[0]),
        (binning[1], scene.binning[1]),
        ("ESO DET OUT1 RON", detector.read_noise_e),
        ("ESO DET OUT1 CONAD", detector.gain_e_per_adu),
        ("ESO DET OUT1 GAIN", 1.0 / detector.gain_e_per_adu),
    ]
