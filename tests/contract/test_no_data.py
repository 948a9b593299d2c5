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
from soxspipe.datamodel.flags import SpectrumFlag
from support.calibration_kits import make_kit
from support.small import Kit

Change = Callable[[np.ndarray], np.ndarray]
PEDESTAL_ADU = 300
"""Of the simulated bias."""


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


def thirds(value: float) -> Change:
    """Every third band of 100 rows holds one number."""

    def change(image: np.ndarray) -> np.ndarray:
        image[np.arange(image.shape[0]) // 100 % 3 == 1] = value
        return image

    return change


def strips(value: float) -> Change:
    """Every second strip of 15 columns holds one number."""
    return lambda image: np.where(np.arange(image.shape[1]) // 15 % 2 == 0, value, image).astype(np.float32)


def noise(image: np.ndarray) -> np.ndarray:
    level = np.median(image)
    return np.random.default_rng(1).normal(level, 4.0, image.shape).astype(image.dtype)


def struck(image: np.ndarray) -> np.ndarray:
    """One pixel in thirty holds far too much, as no cosmic-ray rate explains it."""
    hit = np.random.default_rng(4).random(image.shape) < 1 / 30
    return np.where(hit, 9000, image).astype(image.dtype)


def as_float(change: Change) -> Change:
    return lambda image: change(image.astype(np.float32))


def dead(first: int, stop: int, axis: int = 0) -> Change:
    """Rows or columns hold the pedestal and read noise alone: an amplifier that gives no light."""

    def change(image: np.ndarray) -> np.ndarray:
        lines = np.moveaxis(image, axis, 0)[first:stop]
        lines[:] = np.random.default_rng(2).normal(PEDESTAL_ADU, 3.0, lines.shape).round()
        return image

    return change


NO_DATA: dict[str, tuple[str, int, Change, str]] = {
    "raw half saturated": ("raw0", 0, half(65535), "SATURATED NUM is|is missing"),
    "raw half not a number": ("raw0", 0, as_float(half(np.nan)), "is missing: .* not finite"),
    "raw half one number": ("raw0", 0, half(PEDESTAL_ADU), "rows 0 to 299 of the detector hold no light"),
    "raw half zero": ("raw0", 0, half(0), "far below the master bias"),
    "raw half dead": ("raw0", 0, dead(0, 300), "rows 0 to 299 of the detector hold no light, though .*: an amplifier is dead"),
    "raw strip dead": ("raw0", 0, dead(200, 232), "rows 200 to 231 of the detector hold no light"),
    "raw columns dead": ("raw0", 0, dead(0, 46, 1), "columns 0 to 45 of the detector hold no light"),
    "raw noise alone": ("raw0", 0, noise, "No object was found"),
    "raw stripes saturated": ("raw0", 0, stripes(65535), "of the spectrum is missing: .* saturated"),
    "raw stripes zero": ("raw0", 0, stripes(0), "far below the master bias"),
    "raw every third 100 rows saturated": ("raw0", 0, thirds(65535), "of the spectrum is missing: .* saturated"),
    "raw struck everywhere": ("raw0", 0, struck, "rejected as cosmic rays or outliers, more than cosmic rays can strike"),
    "raw upside down": ("raw0", 0, lambda image: image[::-1].copy(), "not tied to the sky|change along the slit"),
    "flat half not a number": ("flat", 0, half(np.nan), "of order i is missing: the flat has no light"),
    "flat half zero": ("flat", 0, half(0.0), "of order i is missing: the flat has no light"),
    "flat half one number": ("flat", 0, half(1.0), "master flat: .* holds no noise"),
    "flat bad in half": ("flat", 1, half(1), "of order i is missing"),
    "flat stripes not a number": ("flat", 0, stripes(np.nan), "of the spectrum is missing: the flat has no light"),
    "bias bad in half": ("bias", 1, half(1), "of order i is missing: .* bad"),
    "bias half not a number": ("bias", 0, half(np.nan), "of order i is missing: .* bad"),
    "bias zero": ("bias", 0, lambda image: 0.0 * image, "Every pixel of the master bias is 0"),
    "map wrong by ten pixels": (
        "disp_image",
        0,
        lambda image: image + 0.5,
        "differs from disp_table_VIS.fits by 10.58 px; the dispersion table is evaluated instead",
    ),
    "map half without wavelengths": ("disp_image", 0, half(np.nan), "has no wavelengths in part of order i"),
}
QUICK = (
    "raw half one number",
    "raw half dead",
    "raw columns dead",
    "flat half not a number",
    "map half without wavelengths",
    "raw stripes zero",
)

MISSHAPEN: dict[str, tuple[str, Change]] = {
    "transposed": ("raw0", lambda image: image.T.copy()),
    "a row short": ("raw0", lambda image: image[:-1]),
    "a column short": ("raw0", lambda image: image[:, :-1]),
    "a row more": ("raw0", lambda image: np.vstack([image, image[-1:]])),
    "a column more": ("raw0", lambda image: np.hstack([image, image[:, -1:]])),
    "flat transposed": ("flat", lambda image: image.T.copy()),
    "flat of another binning": ("flat", lambda image: image[::2, ::2].copy()),
    "map of another binning": ("disp_image", lambda image: image[::2, ::2].copy()),
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


@pytest.fixture(scope="module")
def bias_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Three bias frames."""
    return make_kit("mbias", tmp_path_factory.mktemp("bias"))


def reasons(kit: Kit, place: Path, verb: str = "stare") -> tuple[str, set[str]]:
    """Verdict of a reduction into ``place/out``, and what it rests on."""
    place.mkdir(exist_ok=True)
    settings = place / "settings.yaml"
    settings.write_text("make_plots: false\n")
    assert run([verb, str(kit.sof), "-o", str(place / "out"), "-s", str(settings)]) == 0
    (path,) = (place / "out").rglob("*_QC.json")
    found = json.loads(path.read_text())
    return found["verdict"], set(found["worries"])


def test_the_clean_set_is_good(good_kit, small, tmp_path: Path) -> None:
    """What the tests below change, one thing at a time."""
    assert reasons(good_kit, tmp_path) == ("Good", set())


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in NO_DATA])
def test_a_set_without_data_is_never_good(name: str, good_kit, small, tmp_path: Path) -> None:
    role, plane, change, said = NO_DATA[name]
    verdict, worries = reasons(changed(good_kit.copy(tmp_path / "set"), role, plane, change), tmp_path)
    assert verdict != "Good"
    assert any(re.search(said, worry) for worry in worries), worries


def test_a_flat_without_data_in_strips_along_the_order_is_reduced(good_kit, small, tmp_path: Path) -> None:
    """The slit's edge has nothing on its inner side there; the object stands in a strip that has data."""
    verdict, worries = reasons(changed(good_kit.copy(tmp_path / "set"), "flat", 0, strips(np.nan)), tmp_path)
    assert verdict == "Look closer"
    assert any("of the pixels in orders are without light in the flat" in worry for worry in worries)


def spectrum_of(place: Path) -> np.ndarray:
    """The merged spectrum."""
    (path,) = place.rglob("*_EXTRACTED_MERGED.fits")
    return np.asarray(fits.getdata(path, 1))


def test_samples_on_dead_rows_have_no_data(good_kit, small, tmp_path: Path) -> None:
    verdict, worries = reasons(changed(good_kit.copy(tmp_path / "set"), "raw0", 0, dead(150, 300)), tmp_path)
    assert verdict == "Not good"
    assert any("DEAD LINES is 150" in worry for worry in worries)
    flags = spectrum_of(tmp_path / "out")["QUAL"]
    assert np.mean((flags & SpectrumFlag.NO_DATA) != 0) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("rows", [True, False])
def test_a_dead_exposure_of_three_costs_its_own_pixels_alone(rows: bool, small_kit, small, tmp_path: Path) -> None:
    clean = small_kit(arm="NIR", ab_mag=14.0, exptime_s=100.0, exposures=3)
    reasons(clean, tmp_path / "clean")
    kit = clean.copy(tmp_path / "set")
    with fits.open(kit.own("raw1"), mode="update") as hdus:
        lines = hdus[0].data[:106] if rows else hdus[0].data[:, 150:214]
        lines[:] = np.random.default_rng(3).normal(4.0, 3.2, lines.shape).round()  # the level of the dark, ADU, and read noise
    verdict, worries = reasons(kit, tmp_path)
    assert verdict == "Not good"
    (said,) = [worry for worry in worries if "amplifier" in worry]
    assert said.startswith(f"raw_NIR_sci_1.fits: {'rows 0 to 105' if rows else 'columns 150 to 213'} of the detector hold no light")
    spectrum, wanted = spectrum_of(tmp_path / "out"), spectrum_of(tmp_path / "clean")
    known = ((spectrum["QUAL"] | wanted["QUAL"]) & SpectrumFlag.NO_DATA) == 0
    assert np.median(spectrum["FLUX_COUNTS"][known] / wanted["FLUX_COUNTS"][known]) == pytest.approx(1.0, abs=0.002)
    variance = spectrum["VARIANCE"][known] / wanted["VARIANCE"][known]
    assert np.percentile(variance, 95) == pytest.approx(1.5, abs=0.1)  # two exposures in the place of three


@pytest.mark.parametrize("spoiled", [0, 1, 3])
def test_a_bias_that_was_not_read_out_in_half_is_never_good(spoiled: int, bias_kit, small, tmp_path: Path) -> None:
    kit = bias_kit.copy(tmp_path / "set")
    for number in range(spoiled):
        changed(kit, f"raw{number}", 0, half(PEDESTAL_ADU))
    verdict, worries = reasons(kit, tmp_path, "mbias")
    assert verdict == ("Look closer" if spoiled else "Good")
    said = [worry for worry in worries if re.search(r"VIS_bias_0.fits.*: 53% of the detector holds no noise", worry)]
    assert len(said) == bool(spoiled)


@pytest.mark.parametrize("name", list(MISSHAPEN))
def test_a_shape_that_does_not_fit_the_detector_is_refused(name: str, good_kit, small, tmp_path: Path, capsys) -> None:
    role, change = MISSHAPEN[name]
    kit = changed(good_kit.copy(tmp_path / "set"), role, 0, change)
    assert run(["stare", str(kit.sof), "-o", str(tmp_path / "out")]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("soxspipe:")]
    assert kit.files[role].name in line
    assert not list((tmp_path / "out").rglob("*.fits"))
