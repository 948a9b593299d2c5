"""Complete, tiny-effort input sets on disk: real file formats on an invented, exactly invertible geometry.

Along the dispersion axis B: ``B = g(n) + h(n) wavelength + TILT slit``; along the slit axis A: ``A = a0 + a1 n + SCALE slit``, so that
tables and image agree to rounding and every test can work its numbers out by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits

from soxspipe.instruments.registry import ArmFacts, find_instrument
from soxspipe.io.static import read_spectral_format

SCALE = 3.0
TILT = 0.2
FLUX_NAMES = ("FLUX", "QUAL", "ERRS")

FIRST_MJD = 60000.0 + 2.0 / 24.0
"""2023-02-25T02:00:00."""


@dataclass(frozen=True)
class InputKit:
    """A written set: folder, set-of-files and the files by role (``raw0``, ``bias``, ``dark``, ``flat``, ``order_table``, ...)."""

    folder: Path
    sof: Path
    files: Mapping[str, Path]
    facts: ArmFacts


@dataclass(frozen=True)
class Optics:
    """The invented geometry of an arm: orders, ``a = a0 + a1 n``, and ``g``, ``h`` as polynomials in n (lowest power first)."""

    orders: tuple[int, ...]
    a0: float
    a1: float
    g: np.ndarray
    h: np.ndarray

    def pixel(self, order: int, wavelength: np.ndarray, slit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(A, B), unbinned."""
        g, h = (np.polynomial.polynomial.polyval(float(order), c) for c in (self.g, self.h))
        return self.a0 + self.a1 * order + SCALE * slit + 0.0 * wavelength, g + h * wavelength + TILT * slit

    def solve(self, order: int, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(wavelength, slit) of unbinned pixels."""
        slit = (a - self.a0 - self.a1 * order) / SCALE
        g, h = (np.polynomial.polynomial.polyval(float(order), c) for c in (self.g, self.h))
        return (b - TILT * slit - g) / h, slit


def make_optics(instrument: str, arm: str) -> Optics:
    """Orders side by side, each spreading its full range over the detector."""
    facts = find_instrument(instrument).arms[arm]
    limits = {entry.order: entry.full_nm for entry in read_spectral_format(instrument, arm).orders}
    orders = tuple(sorted(limits))
    n_a, n_b = _axes(facts, facts.detector.shape)
    first = 40.0
    pitch = (n_a - 80.0) / max(len(orders) - 1, 1)
    a1 = pitch
    if len(orders) <= 4:
        numbers = np.array(orders, dtype=float)
        h = np.array([(n_b - 1) / (limits[n][1] - limits[n][0]) for n in orders])
        g = -h * np.array([limits[n][0] for n in orders])
        fit_g, fit_h = (np.polynomial.polynomial.polyfit(numbers, values, len(orders) - 1) for values in (g, h))
    else:
        low = min(n * limits[n][0] for n in orders)
        high = max(n * limits[n][1] for n in orders)
        scale = (n_b - 1) / (high - low)
        fit_g, fit_h = np.array([-low * scale]), np.array([0.0, scale])
    return Optics(orders=orders, a0=first - a1 * orders[0], a1=a1, g=fit_g, h=fit_h)


def write_set(
    folder: Path,
    *,
    instrument: str = "SOXS",
    arm: str = "VIS",
    binning: tuple[int, int] = (2, 2),
    kind: str = "OBJECT",
    n_raw: int = 1,
    exptime: float = 100.0,
) -> InputKit:
    """Write a set of files that can be gathered, and its SOF."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = find_instrument(instrument).arms[arm]
    shape = (facts.detector.shape[0] // binning[1], facts.detector.shape[1] // binning[0])
    header = raw_header(instrument, arm, binning=binning, exptime=exptime)
    files: dict[str, Path] = {}
    for index in range(n_raw):
        files[f"raw{index}"] = write_raw(
            folder / f"raw_{index}.fits", header | {"ESO DPR TYPE": kind} | _started(index), facts, binning, 400 + index
        )
    for role, level, category in (("bias", 300.0, "MASTER_BIAS"), ("dark", 5.0, "MASTER_DARK"), ("flat", 1.0, "MASTER_FLAT")):
        if role in ("flat", facts.needs):
            files[role] = write_master(folder / f"{role}.fits", header, category, arm, shape, level)
    optics = make_optics(instrument, arm)
    files["order_table"] = write_order_table(folder / "order_table.fits", header, facts, optics)
    files["disp_table"] = write_dispersion_table(folder / "disp_table.fits", header, facts, optics)
    files["disp_image"] = write_dispersion_image(folder / "disp_image.fits", header, facts, optics)
    sof = write_sof(folder / "20230225T020000_TEST_STARE.sof", list(files.values()))
    return InputKit(folder=folder, sof=sof, files=files, facts=facts)


def _started(index: int) -> dict[str, object]:
    """Start of an exposure, 864 s after the one before."""
    date = datetime(2023, 2, 25, 2) + timedelta(seconds=864 * index)
    return {"MJD-OBS": FIRST_MJD + 0.01 * index, "DATE-OBS": date.isoformat()}


def raw_header(instrument: str, arm: str, *, binning: tuple[int, int] = (1, 1), exptime: float = 100.0) -> dict[str, object]:
    """Cards of a raw exposure by keyword."""
    keys = find_instrument(instrument).keywords
    facts = find_instrument(instrument).arms[arm]
    cards: dict[str, object] = {
        "INSTRUME": instrument, "DATE-OBS": "2023-02-25T02:00:00", "MJD-OBS": FIRST_MJD, "EXPTIME": exptime, "OBJECT": "SN 2023abc",
        "RA": 150.0, "DEC": -30.0, keys.arm: arm, keys.readout: 1, facts.slit_keyword: "SLIT1.0", keys.target: "SN 2023abc",
        "ESO TEL AIRM START": 1.2, "ESO TEL AIRM END": 1.4, "ESO TEL AMBI FWHM START": 0.8, "ESO TEL AMBI FWHM END": 1.0,
        "ESO DPR CATG": "SCIENCE", "ESO DPR TYPE": "OBJECT", "ESO DPR TECH": "ECHELLE,SLIT,STARE",
    }  # fmt: skip
    if facts.binnable:
        cards |= {keys.binning_x[0]: binning[0], keys.binning_y[0]: binning[1], keys.conad[0]: 1.25, keys.read_noise[0]: 3.8}
    return cards


def write_raw(path: Path, cards: Mapping[str, object], facts: ArmFacts, binning: tuple[int, int], level: int = 400) -> Path:
    """A raw frame whose pixel values tell their place: ``level + (row + 2 column) % 50``, before any rotation."""
    detector = facts.detector
    rows, columns = detector.science_rows[1] // binning[1], detector.science_columns[1] // binning[0] + 8
    if detector.quarter_turns % 2:
        rows, columns = columns, rows
    adu = (level + (np.arange(rows)[:, None] + 2 * np.arange(columns)[None, :]) % 50).astype(np.uint16)
    fits.PrimaryHDU(adu, make_header(cards)).writeto(path, overwrite=True)
    return path


def write_master(
    path: Path, cards: Mapping[str, object], category: str, arm: str, shape: tuple[int, int], level: float, *, planes: int = 3
) -> Path:
    """A master of constant level, error 2, one bad pixel at (1, 2); `planes` 1 leaves QUAL and ERRS out."""
    header = make_header(product_cards(cards, f"{category}_{arm}", "IMAGE"))
    quality = np.zeros(shape, np.uint8)
    quality[1, 2] = 1
    data = (np.full(shape, level, np.float32), quality, np.full(shape, 2.0, np.float32))
    hdus = [fits.PrimaryHDU(data[0], header), *(fits.ImageHDU(plane) for plane in data[1:])]
    for hdu, name in zip(hdus, FLUX_NAMES, strict=True):
        hdu.header["EXTNAME"] = name
    fits.HDUList(hdus[:planes]).writeto(path, overwrite=True)
    return path


def write_order_table(path: Path, cards: Mapping[str, object], facts: ArmFacts, optics: Optics, *, edges: bool = True) -> Path:
    """Centres, and edges 6 arcsec (SOXS) to each side, straight along B."""
    b = facts.arm.dispersion_axis
    _, n_b = _axes(facts, facts.detector.shape)
    half = 0.5 * facts.arm.slit_length_arcsec * SCALE
    columns = []
    for name, prefix, offset in (("cent", "cent_", 0.0), ("edgeup", "edgeup_c", half), ("edgelow", "edgelow_c", -half)):
        if name == "cent" or edges:
            columns += [_column(f"degorder_{name}", "K", [1]), _column(f"deg{b}_{name}", "K", [1])]
            values = {"00": optics.a0 + offset, "01": 0.0, "10": optics.a1, "11": 0.0}
            columns += [_column(f"{prefix}{key}", "D", [value]) for key, value in values.items()]
    limits = [
        _column("order", "D", optics.orders),
        _column(f"{b}min", "D", [0.0] * len(optics.orders)),
        _column(f"{b}max", "D", [n_b - 1.0] * len(optics.orders)),
    ]
    header = make_header(product_cards(cards, f"ORDER_TAB_{facts.arm.name}", "ECHELLE,SLIT"))
    tables = [fits.BinTableHDU.from_columns(table) for table in (columns, limits)]
    fits.HDUList([fits.PrimaryHDU(header=header), *tables]).writeto(path, overwrite=True)
    return path


def write_dispersion_table(path: Path, cards: Mapping[str, object], facts: ArmFacts, optics: Optics) -> Path:
    """Both axes; columns that one axis does not use are NaN."""
    b = facts.arm.dispersion_axis
    degree = max(optics.g.size, optics.h.size) - 1
    along_b = np.zeros((degree + 1, 2, 2))
    along_b[: optics.g.size, 0, 0] = optics.g
    along_b[: optics.h.size, 1, 0] = optics.h
    along_b[0, 0, 1] = TILT
    along_a = np.zeros((2, 1, 2))
    along_a[0, 0, 0], along_a[1, 0, 0], along_a[0, 0, 1] = optics.a0, optics.a1, SCALE
    rows = {b: along_b, "y" if b == "x" else "x": along_a}
    names = sorted({f"c{i}{j}{k}" for values in rows.values() for i, j, k in np.ndindex(values.shape)})
    columns = [_column("axis", "1A", ["x", "y"])]
    for place, name in enumerate(("order_deg", "wavelength_deg", "slit_deg")):
        columns.append(_column(name, "K", [rows[axis].shape[place] - 1 for axis in ("x", "y")]))
    for name in names:
        index = tuple(int(digit) for digit in name[1:])
        values = [rows[axis][index] if all(np.less(index, rows[axis].shape)) else np.nan for axis in ("x", "y")]
        columns.append(_column(name, "D", values))
    header = make_header(product_cards(cards, f"DISP_TAB_{facts.arm.name}", "ECHELLE,MULTI-PINHOLE"))
    fits.HDUList([fits.PrimaryHDU(header=header), fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
    return path


def dispersion_planes(facts: ArmFacts, optics: Optics) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wavelength, slit, order of the unbinned frame, (n_y, n_x), NaN outside orders, wavelength 0 beyond the format."""
    n_a, n_b = _axes(facts, facts.detector.shape)
    limits = {entry.order: entry.full_nm for entry in read_spectral_format(facts.arm.instrument, facts.arm.name).orders}
    planes = [np.full((n_a, n_b), np.nan, np.float32) for _ in range(3)]
    b = np.arange(n_b)[None, :]
    for order in optics.orders:
        centre, half = optics.a0 + optics.a1 * order, 0.5 * facts.arm.slit_length_arcsec * SCALE
        a = np.arange(max(int(np.ceil(centre - half)), 0), min(int(centre + half), n_a - 1) + 1)[:, None]
        wavelength, slit = optics.solve(order, a + 0.0 * b, b + 0.0 * a)
        beyond = (wavelength < limits[order][0]) | (wavelength > limits[order][1])
        for plane, values in zip(planes, (wavelength, slit, np.full(wavelength.shape, order)), strict=True):
            plane[a, b] = np.where(beyond & (plane is not planes[2]), 0.0, values)
    return tuple(plane if facts.arm.dispersion_axis == "x" else plane.T for plane in planes)  # type: ignore[return-value]


def write_dispersion_image(path: Path, cards: Mapping[str, object], facts: ArmFacts, optics: Optics) -> Path:
    """WAVELENGTH, SLIT, ORDER of the unbinned frame."""
    header = make_header(product_cards(cards, f"DISP_IMAGE_{facts.arm.name}", "ECHELLE,MULTI-PINHOLE"))
    planes = [np.ascontiguousarray(plane) for plane in dispersion_planes(facts, optics)]
    hdus = [fits.PrimaryHDU(planes[0], header), fits.ImageHDU(planes[1]), fits.ImageHDU(planes[2])]
    for hdu, name in zip(hdus, ("WAVELENGTH", "SLIT", "ORDER"), strict=True):
        hdu.header["EXTNAME"] = name
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_response_table(path: Path, cards: Mapping[str, object], arm: str, coefficients: list[float]) -> Path:
    """The reference form: ``polyOrder`` and ``c0 ... cN``."""
    columns = [_column("polyOrder", "K", [len(coefficients) - 1])]
    columns += [_column(f"c{index}", "D", [value]) for index, value in enumerate(coefficients)]
    header = make_header(product_cards(cards, f"RESP_TAB_{arm}", "ECHELLE,SLIT"))
    fits.HDUList([fits.PrimaryHDU(header=header), fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
    return path


def write_sof(path: Path, files: list[Path]) -> Path:
    """One file a line, names relative to the SOF, without tags."""
    path.write_text("\n".join(file.name for file in files))
    return path


def copy_kit(kit: InputKit, folder: Path) -> InputKit:
    """The same set in another folder, by links, so that single files can be replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for role, path in kit.files.items():
        files[role] = folder / path.name
        files[role].symlink_to(path)
    return InputKit(folder=folder, sof=write_sof(folder / kit.sof.name, list(files.values())), files=files, facts=kit.facts)


def edit_header(path: Path, **cards: object) -> Path:
    """Replace a (linked) file by a copy with other cards in its first header; keywords with ``__`` for blanks, None deletes."""
    with fits.open(path.resolve()) as hdus:
        for name, value in cards.items():
            keyword = name.replace("__", " ").replace("_", "-") if "__" not in name else name.replace("__", " ")
            if value is None:
                hdus[0].header.remove(keyword, ignore_missing=True)
            else:
                hdus[0].header[f"HIERARCH {keyword}" if " " in keyword else keyword] = value
        path.unlink()
        hdus.writeto(path)
    return path


def another_exposure(path: Path, target: Path, **cards: object) -> Path:
    """An exposure like another one, with pixels of its own (1 ADU more each) and other cards, as for `edit_header`."""
    with fits.open(path.resolve()) as hdus:
        fits.PrimaryHDU(hdus[0].data + np.uint16(1), hdus[0].header).writeto(target, overwrite=True)
    return edit_header(target, **cards)


def make_header(cards: Mapping[str, object]) -> fits.Header:
    """A FITS header of cards; keywords with blanks become HIERARCH ones."""
    header = fits.Header()
    for keyword, value in cards.items():
        header[f"HIERARCH {keyword}" if " " in keyword else keyword] = value
    return header


def product_cards(cards: Mapping[str, object], category: str, tech: str) -> dict[str, object]:
    """Cards of a calibration: those of the raw frame without DPR, with PRO."""
    kept = {keyword: value for keyword, value in cards.items() if "DPR" not in keyword}
    return kept | {"SXSPRE": "2023-02-25T12:00:00", "ESO PRO TYPE": "REDUCED", "ESO PRO TECH": tech, "ESO PRO CATG": category}


def _axes(facts: ArmFacts, shape: tuple[int, int]) -> tuple[int, int]:
    """Lengths along the slit and along the dispersion."""
    return shape if facts.arm.dispersion_axis == "x" else shape[::-1]


def _column(name: str, form: str, values: object) -> fits.Column:
    return fits.Column(name=name, format=form, array=np.asarray(values))
