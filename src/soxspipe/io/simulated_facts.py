"""What a simulation needs from files: the scene, the instrument's facts, and a user's spectrum."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from soxspipe.datamodel.calibrations import StandardStar
from soxspipe.errors import InputError, MissingInputError, SettingsError
from soxspipe.instruments.registry import find_instrument
from soxspipe.io import static
from soxspipe.simulate.optics import OpticalModel, OrderOptics, fit_orders, orders_from_surface
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.simulation import Facts
from soxspipe.simulate.spectra import HC_ERG_CM
from soxspipe.simulate.telluric import TelluricSpecies

AnyScene = TypeVar("AnyScene", bound=BaseModel)

RAW_SHAPE = {
    ("SOXS", "NIR"): (2048, 2048),
    ("SOXS", "VIS"): (4096, 908),
    ("XSHOOTER", "UVB"): (3000, 2144),
    ("XSHOOTER", "VIS"): (4000, 2106),
    ("XSHOOTER", "NIR"): (1100, 2048),
}
"""Rows and columns as read out."""
PIXEL_UM = {("SOXS", "NIR"): 18.0, ("XSHOOTER", "NIR"): 18.0}
"""Where it is not 15."""
OH_PHOTONS_PER_UNIT = 0.05e-4
"""Photons s-1 cm-2 arcsec-2 for one unit of the relative OH list (its strongest lines are about 2000)."""

_NIR_PRODUCT = (19240.0, 1100.0)
_NIR_ORDER = (17.0, 7.5)
"""Centre and half range of order times wavelength (nm) and of the order, on which the surfaces of the model were fitted."""


def read_scene(path: Path, overrides: Mapping[str, Any] | None = None) -> Scene:
    """Read the scene file of an observation; see `read_scene_of`."""
    return read_scene_of(Scene, path, overrides)


def read_scene_of(kind: type[AnyScene], path: Path, overrides: Mapping[str, Any] | None = None) -> AnyScene:
    """Read a scene file (YAML; the keys are the fields of the kind of scene that is asked for).

    Parameters
    ----------
    kind : type
        `Scene`, or a kind of it with more keys.
    path : Path
        The file.
    overrides : mapping
        Values that replace the file's, for example of command-line options.

    Raises
    ------
    MissingInputError
        If there is no such file.
    SettingsError
        If it is not a mapping, or a key or value is not allowed.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise MissingInputError(f"there is no scene file {path}") from err
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as err:
        raise SettingsError(f"{path} is not YAML: {err}") from err
    if not isinstance(content, dict):
        raise SettingsError(f"{path} does not hold keys and values")
    scene = make_scene_of(kind, {**content, **(overrides or {})})
    if isinstance(scene, Scene) and scene.spectrum_file and not Path(scene.spectrum_file).is_absolute():
        return scene.model_copy(update={"spectrum_file": str((path.parent / scene.spectrum_file).resolve())})
    return scene


def make_scene(values: Mapping[str, Any]) -> Scene:
    """Make the scene of an observation of keys and values; see `make_scene_of`."""
    return make_scene_of(Scene, values)


def make_scene_of(kind: type[AnyScene], values: Mapping[str, Any]) -> AnyScene:
    """Make a scene of keys and values.

    Raises
    ------
    SettingsError
        With the key, the value and what is allowed, one line each.
    """
    try:
        return kind(**values)
    except ValidationError as err:
        lines = [
            f"{'.'.join(map(str, problem['loc'])) or 'scene'}: {_said(kind, problem)} (got {problem['input']!r})"
            for problem in err.errors()
        ]
        raise SettingsError("the scene is not valid: " + "; ".join(line[:200] for line in lines)) from err


def _said(kind: type[AnyScene], problem: ErrorDetails) -> str:
    """What is wrong with a key; of one that a scene does not have the nearest that it has, or where all are listed."""
    if problem["type"] != "extra_forbidden":
        return problem["msg"]
    nearest = difflib.get_close_matches(str(problem["loc"][-1])[:80], kind.model_fields, n=1)
    return f"is not known; {f'did you mean {nearest[0]!r}?' if nearest else '`soxspipe simulate --keys` lists all keys'}"


def read_facts(scene: Scene) -> Facts:
    """Collect the facts of a scene's instrument, and the target's spectrum if it comes from a library or a file."""
    entry = find_instrument(scene.instrument).arms[scene.arm]
    target = _target(scene)
    line_nm, line_photons = _sky_lines(entry.static.sky_lines)
    return Facts(
        arm=entry.arm,
        detector=entry.detector,
        raw_shape=RAW_SHAPE[(scene.instrument, scene.arm)],
        pixel_um=PIXEL_UM.get((scene.instrument, scene.arm), 15.0),
        optics=read_optics(scene.instrument, scene.arm),
        spectral_format=static.read_spectral_format(scene.instrument, scene.arm),
        extinction=static.read_extinction(entry.arm.extinction_site),
        telluric=_telluric(),
        sky_line_nm=line_nm,
        sky_line_photons=line_photons,
        arc_line_nm=_arc_table("wavelength", entry.static.spectral_format),
        arc_line_ion=_arc_ions(entry.static.spectral_format),
        pinholes_arcsec=_arc_table("mask", entry.static.spectral_format),
        target=target,
        pointing_deg=_pointing(target, scene),
    )


def read_optics(instrument: str, arm: str) -> OpticalModel:
    """Optical model of an arm: the fitted polynomials of SOXS, or a fit to the predicted pinholes of X-shooter."""
    entry = find_instrument(instrument).arms[arm]
    if (instrument, arm) == ("SOXS", "NIR"):
        numbers = [limits.order for limits in static.read_spectral_format(instrument, arm).orders]
        orders = orders_from_surface(static.read_geometry("model/soxs_nir"), numbers, product=_NIR_PRODUCT, order_scale=_NIR_ORDER)
    elif (instrument, arm) == ("SOXS", "VIS"):
        orders = _soxs_vis_orders()
    else:
        order, wavelength, slit, x, y = static.read_geometry(f"pinholes/xsh_{arm.lower()}")
        orders = fit_orders(order, wavelength, slit, y, x)
    return OpticalModel(dispersion_axis=entry.arm.dispersion_axis, shape=entry.detector.shape, orders=orders)


def read_spectrum(path: Path) -> StandardStar:
    """Read a user's spectrum: two ASCII columns, or the first FITS table with wavelength and flux as its first two columns.

    Wavelengths are nm in air; a spectrum whose wavelengths all exceed 3000 is taken to be in Angstrom.  Flux is erg s-1 cm-2 A-1.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it does not hold a spectrum.
    """
    if not path.is_file():
        raise MissingInputError(f"there is no spectrum {path}")
    try:
        wave, flux = _fits_spectrum(path) if path.suffix.lower() in (".fits", ".fit") else np.loadtxt(path, usecols=(0, 1), unpack=True)
    except (ValueError, OSError, IndexError) as err:
        raise InputError(f"{path} does not hold a spectrum in two columns: {err}") from err
    use = np.isfinite(wave) & np.isfinite(flux)
    wave, flux = wave[use], np.clip(flux[use], 0.0, None)
    if wave.size < 2:
        raise InputError(f"{path} holds fewer than two valid samples")
    sequence = np.argsort(wave)
    return StandardStar(name=path.stem, wavelength_nm=wave[sequence] * (0.1 if wave.min() > 3000.0 else 1.0), flux=flux[sequence])


def _arc_table(what: str, name: str) -> NDArray[np.float64]:
    table = static.read_arc_table(f"{what}/{name}")
    return np.zeros(0) if table is None else np.asarray(table, dtype=np.float64)


def _arc_ions(name: str) -> tuple[str, ...]:
    table = static.read_arc_table(f"ion/{name}")
    return () if table is None else tuple(str(ion) for ion in np.asarray(table))


def _target(scene: Scene) -> StandardStar | None:
    if scene.target == "file" and scene.spectrum_file:
        return read_spectrum(Path(scene.spectrum_file))
    if scene.target != "standard":
        return None
    star, message = static.find_standard(scene.target_name, None, None)
    if star is None:
        raise SettingsError(f"name: {message.split(':')[0]}; the library has {', '.join(static.standard_names())}")
    return star


def _pointing(target: StandardStar | None, scene: Scene) -> tuple[float, float]:
    """Where the telescope points: at the standard, or where the scene has its target."""
    if target is not None and target.name in static.standard_names():
        ra, dec = _member("standards", "index/position")[static.standard_names().index(target.name)]
        return float(ra), float(dec)
    return scene.ra_deg, scene.dec_deg


def _telluric() -> TelluricSpecies:
    start, resolution, depths = static.read_telluric_species()
    return TelluricSpecies(start_nm=start, samples_per_e_fold=resolution, depth=depths)


def _sky_lines(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wavelength (nm, air) and photons s-1 cm-2 arcsec-2 of single sky lines: relative OH list, or absolute optical atlas."""
    wavelength, flux = _member("tables", f"skylines/{name}_single")
    if name == "nir":
        return wavelength, flux * OH_PHOTONS_PER_UNIT
    return wavelength, flux * 1e-16 * wavelength * 1e-7 / HC_ERG_CM


def _member(archive: str, name: str) -> NDArray[Any]:
    with resources.files("soxspipe.instruments").joinpath("static", f"{archive}.npz").open("rb") as stream:
        array: NDArray[Any] = np.load(stream, allow_pickle=False)[name]
    return array


def _soxs_vis_orders() -> dict[int, OrderOptics]:
    table = static.read_geometry("model/soxs_vis")
    orders = {}
    for number, centre, scale in static.read_geometry("model/soxs_vis_scale"):
        rows = table[table[:, 0] == number]
        i, k = rows[:, 1].astype(int), rows[:, 2].astype(int)
        along_a, along_b = np.zeros((i.max() + 1, k.max() + 1)), np.zeros((i.max() + 1, k.max() + 1))
        along_a[i, k], along_b[i, k] = rows[:, 3], rows[:, 4]
        orders[int(number)] = OrderOptics(order=int(number), centre_nm=centre, scale_nm=scale, along_b=along_b, along_a=along_a)
    return orders


def _fits_spectrum(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    with fits.open(path) as hdus:
        table = next(hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU))
        first, second = (np.ravel(np.asarray(table.data.field(column), dtype=np.float64)) for column in (0, 1))
    return first, second
