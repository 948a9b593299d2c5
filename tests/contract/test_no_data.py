"""Nothing good without data: whatever is missing or wrong in a set is refused in one sentence, or a reason of the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.cli.app import run
from support.small import Kit

Change = Callable[[np.ndarray], np.ndarray]


def half(value: float) -> Change:
    """Half of the rows hold one number."""

    def change(image: np.ndarray) -> np.ndarray:
        image[: image.shape[0] // 2] = value
        return image

    return change


def stripes(value: float) -> Change:
    """Every second band of 30 rows holds one number."""

    def change(image: np.ndarray) -> np.ndarray:
        image[np.arange(image.shape[0]) // 30 % 2 == 0] = value
        return image

    return change


def strips(value: float) -> Change:
    """Every second strip of 15 columns holds one number."""
    return lambda image: np.where(np.arange(image.shape[1]) // 15 % 2 == 0, value, image).astype(np.float32)


def noise(image: np.ndarray) -> np.ndarray:
    level = np.median(image)
    return np.random.default_rng(1).normal(level, 4.0, image.shape).astype(image.dtype)


def as_float(change: Change) -> Change:
    return lambda image: change(image.astype(np.float32))


NO_DATA: dict[str, tuple[str, int, Change, str]] = {
    "raw half saturated": ("raw0", 0, half(65535), "SATURATED NUM is|is missing"),
    "raw half not a number": ("raw0", 0, as_float(half(np.nan)), "is missing: .* not finite"),
    "raw half one number": ("raw0", 0, half(503), "of order i holds no noise"),
    "raw half zero": ("raw0", 0, half(0), "far below the master bias"),
    "raw noise alone": ("raw0", 0, noise, "No object was found"),
    "raw stripes saturated": ("raw0", 0, stripes(65535), "of the spectrum is missing: .* saturated"),
    "raw stripes zero": ("raw0", 0, stripes(0), "far below the master bias"),
    "raw upside down": ("raw0", 0, lambda image: image[::-1].copy(), "not tied to the sky|change along the slit"),
    "flat half not a number": ("flat", 0, half(np.nan), "of order i is missing: the flat has no light"),
    "flat half zero": ("flat", 0, half(0.0), "of order i is missing: the flat has no light"),
    "flat half one number": ("flat", 0, half(1.0), "master flat: .* holds no noise"),
    "flat bad in half": ("flat", 1, half(1), "of order i is missing"),
    "flat stripes not a number": ("flat", 0, stripes(np.nan), "of the spectrum is missing: the flat has no light"),
    "bias bad in half": ("bias", 1, half(1), "of order i is missing: .* bad"),
    "bias half not a number": ("bias", 0, half(np.nan), "of order i is missing: .* bad"),
    "bias zero": ("bias", 0, lambda image: 0.0 * image, "Every pixel of the master bias is 0"),
    "map half without wavelengths": ("disp_image", 0, half(np.nan), "has no wavelengths in part of order i"),
}
QUICK = ("raw half one number", "flat half not a number", "map half without wavelengths", "raw stripes zero")

MISSHAPEN: dict[str, tuple[str, Change]] = {
    "transposed": ("raw0", lambda image: image.T.copy()),
    "a row short": ("raw0", lambda image: image[:-1]),
    "a column short": ("raw0", lambda image: image[:, :-1]),
    "a row more": ("raw0", lambda image: np.vstack([image, image[-1:]])),
    "a column more": ("raw0", lambda image: np.hstack([image, image[:, -1:]])),
    "flat transposed": ("flat", lambda image: image.T.copy()),
    "map transposed": ("disp_image", lambda image: image.T.copy()),
}


def changed(kit: Kit, role: str, plane: int, change: Change) -> Kit:
    """The set with one plane of a file changed."""
    path = kit.own(role)
    with fits.open(path) as hdus:
        copies = fits.HDUList([type(hdu)(np.array(hdu.data), hdu.header) for hdu in hdus])
    copies[plane].data = change(copies[plane].data)
    path.unlink()
    copies.writeto(path)
    return kit


def reasons(kit: Kit, folder: Path, settings: Path) -> tuple[str, set[str]]:
    """Verdict and what it rests on."""
    settings.write_text("make_plots: false\n")
    assert run(["stare", str(kit.sof), "-o", str(folder), "-s", str(settings)]) == 0
    (path,) = folder.rglob("*_QC.json")
    found = json.loads(path.read_text())
    return found["verdict"], set(found["worries"])


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NO_DATA])
def test_a_set_without_data_is_never_good(name: str, small_kit, small, tmp_path: Path) -> None:
    role, plane, change, said = NO_DATA[name]
    kit = changed(small_kit(ab_mag=15.0).copy(tmp_path / "set"), role, plane, change)
    verdict, worries = reasons(kit, tmp_path / "out", tmp_path / "settings.yaml")
    assert verdict != "Good"
    assert any(re.search(said, worry) for worry in worries), worries


def test_a_flat_without_data_in_strips_along_the_order_is_reduced(small_kit, small, tmp_path: Path) -> None:
    """The slit's edge has nothing on its inner side there; the object stands in a strip that has data."""
    kit = changed(small_kit(ab_mag=15.0).copy(tmp_path / "set"), "flat", 0, strips(np.nan))
    verdict, _ = reasons(kit, tmp_path / "out", tmp_path / "settings.yaml")
    assert verdict == "Look closer"


@pytest.mark.parametrize("name", list(MISSHAPEN))
def test_a_shape_that_does_not_fit_the_detector_is_refused(name: str, small_kit, small, tmp_path: Path, capsys) -> None:
    role, change = MISSHAPEN[name]
    kit = changed(small_kit(ab_mag=15.0).copy(tmp_path / "set"), role, 0, change)
    assert run(["stare", str(kit.sof), "-o", str(tmp_path / "out")]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("soxspipe:")]
    assert kit.files[role].name in line
    assert not list((tmp_path / "out").rglob("*.fits"))
