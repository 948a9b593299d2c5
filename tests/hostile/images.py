"""Images that hold nonsense: the file is sound, the pixels are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from hostile.case import BAD, Case
from support.small import Kit

Pixels = NDArray[np.float32]
Change = Callable[[Pixels], NDArray[np.generic]]
Hdus = Callable[[fits.HDUList], "fits.HDUList | None"]
ANY = (0, 1, 2)
REFUSED = (1, 2)


def cases() -> Iterator[Case]:
    """All of them."""
    for role in ("raw0", "bias", "flat", "disp_image"):
        for name, change in FILLS.items():
            status = FILL_STATUS.get((role, name), ANY)
            names = _file(role) if status == BAD else ""
            yield Case(
                name=f"pixels: {name} in {role}", spoil=partial(_filled, role=role, change=change), status=status, names=names, slow=True
            )
        for name, change in SHAPES.items():
            yield Case(
                name=f"pixels: {name} in {role}", spoil=partial(_filled, role=role, change=change), names=_file(role), says="NAXIS|axes|pixels|detector",
                status=(0, 2) if (role, name) == ("raw0", "a larger image") else BAD,
            )  # fmt: skip
    for role in ("bias", "flat"):
        for name, (hdus, status, says) in MASTERS.items():
            names = _file(role) if status == BAD else ""
            yield Case(
                name=f"master: {name} in {role}",
                spoil=partial(_edited, role=role, change=hdus),
                status=status,
                says=says,
                names=names,
                slow=0 in status,
            )
    for name, (hdus, status, says) in MAPS.items():
        names = _file("disp_image") if status == BAD else ""
        yield Case(
            name=f"map: {name}",
            spoil=partial(_edited, role="disp_image", change=hdus),
            status=status,
            says=says,
            names=names,
            slow=0 in status,
        )
    for name, (first, second) in SWAPS.items():
        yield Case(name=f"swapped: {name}", spoil=partial(_swapped, first=first, second=second), status=ANY, slow=True)


def _file(role: str) -> str:
    return {
        "raw0": "raw_VIS_sci_0.fits",
        "bias": "master_bias_VIS.fits",
        "flat": "master_flat_VIS.fits",
        "disp_image": "disp_image_VIS.fits",
    }[role]


def _filled(kit: Kit, *, role: str, change: Change) -> None:
    path = kit.own(role)
    with fits.open(path, do_not_scale_image_data=False) as hdus:
        header = hdus[0].header.copy()
        for keyword in ("BZERO", "BSCALE"):
            header.remove(keyword, ignore_missing=True)
        with np.errstate(all="ignore"):
            first = fits.PrimaryHDU(np.asarray(change(hdus[0].data.astype(np.float32))), header)
        others = [hdu.copy() for hdu in hdus[1:]]
    path.unlink()
    fits.HDUList([first, *others]).writeto(path, output_verify="ignore")


def _edited(kit: Kit, *, role: str, change: Hdus) -> None:
    path = kit.own(role)
    with fits.open(path) as hdus:
        loaded = fits.HDUList([hdu.copy() for hdu in hdus])
    changed = change(loaded)
    path.unlink()
    (loaded if changed is None else changed).writeto(path, output_verify="ignore")


def _swapped(kit: Kit, *, first: str, second: str) -> None:
    """Exchange the pixels of two images and leave the headers."""
    paths = [kit.own(first), kit.own(second)]
    data = [fits.getdata(path) for path in paths]
    for path, other in zip(paths, data[::-1], strict=True):
        with fits.open(path) as hdus:
            loaded = fits.HDUList([hdu.copy() for hdu in hdus])
        loaded[0].data = other.astype(np.float32)
        path.unlink()
        loaded.writeto(path, output_verify="ignore")


def _noise(data: Pixels) -> Pixels:
    return np.random.default_rng(11).normal(0.0, 1e4, data.shape).astype(np.float32)


def _junk_bits(data: Pixels) -> Pixels:
    return np.random.default_rng(12).integers(0, 1 << 32, data.shape, dtype=np.uint32).view(np.float32)


def _hot(data: Pixels) -> Pixels:
    hot = np.random.default_rng(13).random(data.shape) < 0.3
    return np.where(hot, np.float32(6e4), data)


def _holes(data: Pixels) -> Pixels:
    holes = np.random.default_rng(14).random(data.shape) < 0.5
    return np.where(holes, np.float32(np.nan), data)


def _stripe(data: Pixels, value: float, columns: slice = slice(35, 60)) -> Pixels:
    changed = data.copy()
    changed[:, columns] = value
    return changed


def _half(data: Pixels, value: float) -> Pixels:
    changed = data.copy()
    changed[: data.shape[0] // 2] = value
    return changed


FILLS: dict[str, Change] = {
    "NaN everywhere": lambda data: np.full_like(data, np.nan),
    "infinity everywhere": lambda data: np.full_like(data, np.inf),
    "minus infinity everywhere": lambda data: np.full_like(data, -np.inf),
    "zero everywhere": np.zeros_like,
    "one number everywhere": lambda data: np.full_like(data, 1000.0),
    "10^38 everywhere": lambda data: np.full_like(data, 1e38),
    "10^-40 everywhere": lambda data: np.full_like(data, 1e-40),
    "the negative": lambda data: -data,
    "noise": _noise,
    "random bits": _junk_bits,
    "a mirror image": lambda data: data[:, ::-1],
    "the image upside down": lambda data: data[::-1],
    "saturation everywhere": lambda data: np.full_like(data, 65535.0),
    "half of it NaN": _holes,
    "a third of it hot": _hot,
    "the object's columns NaN": partial(_stripe, value=np.nan),
    "the object's columns infinite": partial(_stripe, value=np.inf),
    "the object's columns zero": partial(_stripe, value=0.0),
    "one good row": lambda data: np.where(np.arange(data.shape[0])[:, None] == 300, data, np.nan),
    "one good column": lambda data: np.where(np.arange(data.shape[1])[None, :] == 45, data, np.nan),
    "half of the rows NaN": partial(_half, value=np.nan),
    "half of the rows at 10^30": partial(_half, value=1e30),
    "alternate rows infinite": lambda data: np.where(np.arange(data.shape[0])[:, None] % 2 == 0, data, np.inf),
    "a gradient from -10^6 to 10^6": lambda data: np.linspace(-1e6, 1e6, data.size, dtype=np.float32).reshape(data.shape),
}

FILL_STATUS: dict[tuple[str, str], tuple[int, ...]] = {}

SHAPES: dict[str, Change] = {
    "one pixel": lambda data: data[:1, :1],
    "one row": lambda data: data[:1],
    "a row too few": lambda data: data[:-1],
    "a column too few": lambda data: data[:, :-1],
    "a larger image": lambda data: np.pad(data, ((0, 3), (0, 3))),
    "a cube": lambda data: np.stack([data, data]),
    "a line": lambda data: data.ravel(),
    "five axes": lambda data: data[None, None, None] * np.ones((2, 1, 1, 1, 1), np.float32),
    "the image on its side": lambda data: data.T,
}


def _without(*names: str) -> Hdus:
    return lambda hdus: fits.HDUList([hdu for hdu in hdus if hdu.name not in names])


def _with(name: str, change: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> Hdus:
    def edited(hdus: fits.HDUList) -> None:
        hdus[name].data = change(hdus[name].data)

    return edited


def _tables_instead(hdus: fits.HDUList) -> fits.HDUList:
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.arange(5.0))])
    return fits.HDUList([fits.PrimaryHDU(header=hdus[0].header), table])


def _header_only(hdus: fits.HDUList) -> fits.HDUList:
    header = hdus[0].header.copy()
    header.remove("BUNIT", ignore_missing=True)
    return fits.HDUList([fits.PrimaryHDU(header=header)])


def _many(hdus: fits.HDUList) -> None:
    hdus.extend([fits.ImageHDU(np.zeros((2, 2), np.float32), name=f"MORE{n}") for n in range(100)])


def _same_names(hdus: fits.HDUList) -> None:
    for hdu in hdus:
        hdu.name = "FLUX"


MASTERS: dict[str, tuple[Hdus, tuple[int, ...], str]] = {
    "no images": (_header_only, BAD, "holds no image|has no|image"),
    "tables in the place of images": (_tables_instead, BAD, "image"),
    "no QUAL": (_without("QUAL"), (0,), ""),
    "no ERRS": (_without("ERRS"), (0,), ""),
    "no FLUX": (_without("FLUX"), (0, 2), ""),
    "QUAL all bad": (_with("QUAL", np.ones_like), REFUSED, "good pixel|pixel|flat|order"),
    "QUAL of another shape": (_with("QUAL", lambda data: data[:-1]), BAD, "QUAL"),
    "ERRS of another shape": (_with("ERRS", lambda data: data[:, :-1]), BAD, "ERRS"),
    "ERRS of NaN": (_with("ERRS", lambda data: np.full_like(data, np.nan)), ANY, ""),
    "ERRS infinite": (_with("ERRS", lambda data: np.full_like(data, np.inf)), ANY, ""),
    "ERRS below 0": (_with("ERRS", lambda data: -data), ANY, ""),
    "ERRS of 10^30": (_with("ERRS", lambda data: np.full_like(data, 1e30)), ANY, ""),
    "QUAL of floats with NaN": (_with("QUAL", lambda data: np.full(data.shape, np.nan, np.float32)), ANY, ""),
    "a hundred units more": (_many, ANY, ""),
    "all units of one name": (_same_names, ANY, ""),
}


def _order_numbers(change: Callable[[Pixels], Pixels]) -> Hdus:
    return _with("ORDER", change)


MAPS: dict[str, tuple[Hdus, tuple[int, ...], str]] = {
    "no images": (_header_only, BAD, "WAVELENGTH|holds no image|has no"),
    "no wavelengths": (_without("WAVELENGTH"), (0, 2), ""),
    "no slit positions": (_without("SLIT"), BAD, "SLIT"),
    "no orders": (_without("ORDER"), BAD, "ORDER"),
    "slit positions of another shape": (_with("SLIT", lambda data: data[1:]), BAD, "SLIT"),
    "orders of another shape": (_with("ORDER", lambda data: data[1:]), BAD, "ORDER"),
    "slit positions all NaN": (_with("SLIT", lambda data: np.full_like(data, np.nan)), ANY, ""),
    "slit positions all 0": (_with("SLIT", np.zeros_like), ANY, ""),
    "slit positions of 10^30": (_with("SLIT", lambda data: data * np.float32(1e30)), ANY, ""),
    "slit positions the wrong way": (_with("SLIT", lambda data: -data), ANY, ""),
    "orders all NaN": (_order_numbers(lambda data: np.full_like(data, np.nan)), ANY, ""),
    "orders that are none": (_order_numbers(lambda data: data + 57), ANY, ""),
    "orders of another band": (_order_numbers(lambda data: data - 1), ANY, ""),
    "orders below 0": (_order_numbers(lambda data: -data), ANY, ""),
    "orders that are no whole numbers": (_order_numbers(lambda data: data + np.float32(0.4)), ANY, ""),
    "orders of 10^30": (_order_numbers(lambda data: data * np.float32(1e30)), ANY, ""),
    "wavelengths in Angstrom": (_with("WAVELENGTH", lambda data: data * 10), ANY, ""),
    "wavelengths in metres": (_with("WAVELENGTH", lambda data: data * np.float32(1e-9)), ANY, ""),
    "wavelengths the wrong way": (_with("WAVELENGTH", lambda data: data[::-1]), ANY, ""),
    "wavelengths all the same": (_with("WAVELENGTH", lambda data: np.where(np.isfinite(data), np.float32(700), data)), ANY, ""),
    "wavelengths of noise": (_with("WAVELENGTH", lambda data: _noise(data)), ANY, ""),
    "every second wavelength missing": (
        _with("WAVELENGTH", lambda data: np.where(np.arange(data.shape[0])[:, None] % 2, data, 0)),
        ANY,
        "",
    ),
}

SWAPS = {
    "raw frame and flat": ("raw0", "flat"),
    "bias and flat": ("bias", "flat"),
    "raw frame and bias": ("raw0", "bias"),
    "flat and dispersion image": ("flat", "disp_image"),
}
