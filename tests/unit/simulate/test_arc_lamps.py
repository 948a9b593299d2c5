"""Light of arc lamps and of pinholes: where it falls, and how much of it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from soxspipe.io.simulated_facts import read_facts
from soxspipe.simulate.arc_lamps import PINHOLE_SIGMA_PX, pinholes, shown_lines
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibrations import CalibrationSet, make_calibration_set
from support.small import small_facts

KINDS = ("pinhole_arc", "pinhole_flat", "multi_pinhole_arc")


@lru_cache(maxsize=4)
def lit(arm: str, **keys: object) -> CalibrationSet:
    scene = CalibrationScene(arm=arm, kinds=KINDS, arc_scatter=0.0, arc_missing=0.0, arc_unlisted=0.0, **keys)  # type: ignore[arg-type]
    return make_calibration_set(scene, small_facts(read_facts(scene)))


def light(made: CalibrationSet, name: str) -> dict[int, np.ndarray]:
    return dict(made.lights[name].pixels)


@pytest.mark.parametrize("arm", ["VIS", "NIR"])
def test_the_mask_lights_nine_times_what_the_pinhole_does(arm: str) -> None:
    made = lit(arm)
    one, nine = (sum(image.sum() for image in light(made, name).values()) for name in ("pinhole_arc", "multi_pinhole_arc"))
    assert nine / one == pytest.approx(9.0, rel=0.05)  # a line at the window's border has its light cut


def test_a_line_holds_its_electrons_and_has_the_width_of_a_pinhole() -> None:
    plain = lit("NIR")
    grid = plain.canvases[18].grid
    alone = replace(plain.facts, arc_line_nm=np.array([grid.wavelength_nm[grid.wavelength_nm.size // 2]]), arc_line_ion=("NeI",))
    made = make_calibration_set(plain.scene, alone)
    image = light(made, "pinhole_arc")[18]
    assert image.sum() == pytest.approx(made.scene.arc_electrons, rel=0.01)
    along, around = image.sum(axis=1), np.arange(image.shape[0])
    middle = (along * around).sum() / along.sum()
    width = np.sqrt((along * (around - middle) ** 2).sum() / along.sum())
    assert width == pytest.approx(np.hypot(PINHOLE_SIGMA_PX, np.sqrt(1 / 12)), rel=0.05)


def test_the_pinhole_flat_lies_on_the_middle_of_the_slit() -> None:
    made = lit("VIS")
    for order, image in light(made, "pinhole_flat").items():
        canvas = made.canvases[order]
        slit = canvas.slit_middle.reshape(image.shape[0], image.shape[1], -1).mean(axis=2)
        used = image.sum(axis=1) > 0.5 * image.sum(axis=1).max()
        middle = (image * slit).sum(axis=1)[used] / image.sum(axis=1)[used]
        assert np.abs(np.median(middle)) < 0.005


def test_lines_are_missing_and_unlisted_as_wished() -> None:
    plain = lit("NIR")
    scene = plain.scene.model_copy(update={"arc_missing": 0.9})
    fewer = make_calibration_set(scene, plain.facts)
    total = [sum(image.sum() for image in light(made, "pinhole_arc").values()) for made in (plain, fewer)]
    assert 0.0 < total[1] < 0.4 * total[0]


def one_line(**changes: object) -> CalibrationSet:
    """The middle of order 18 alone, through the mask."""
    plain = lit("NIR")
    grid = plain.canvases[18].grid
    facts = replace(plain.facts, arc_line_nm=np.array([grid.wavelength_nm[grid.wavelength_nm.size // 2]]), arc_line_ion=("NeI",))
    return make_calibration_set(plain.scene.model_copy(update={"kinds": ("multi_pinhole_arc",), **changes}), facts)


def spots(made: CalibrationSet) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The light of the mask, and the truth of its images in order 18."""
    table = made.truth().tables["LINES"]
    return made.images["multi_pinhole_arc"], {name: values[table["ORDER"] == 18] for name, values in table.items()}


def test_the_truth_says_where_each_image_is_and_how_bright() -> None:
    image, truth = spots(one_line())
    assert list(truth["SLIT_INDEX"]) == list(range(9))
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    half = 0.5 * np.median(np.diff(truth["Y"]))  # images stand close along the slit
    for at_x, at_y, electrons in list(zip(truth["X"], truth["Y"], truth["ELECTRONS"], strict=True))[1:-1]:
        row = np.clip(0.5 + half - np.abs(y - at_y), 0.0, 1.0)  # share of a pixel that is nearer to this image than to the next
        near = np.where(np.abs(x - at_x) < 4.5, image, 0.0) * row
        assert near.sum() == pytest.approx(electrons, rel=0.05)
        assert (near * x).sum() / near.sum() == pytest.approx(at_x, abs=0.08)
        assert (near * y).sum() / near.sum() == pytest.approx(at_y, abs=0.08)


def test_an_end_is_vignetted_and_the_mask_is_off_by_a_pinhole() -> None:
    _, plain = spots(one_line())
    dark, truth = spots(one_line(pinhole_share={8: 0.0}))
    assert truth["ELECTRONS"][8] == 0.0
    assert dark[round(truth["Y"][8]), round(truth["X"][8])] < 1e-3 * dark.max()
    _, moved = spots(one_line(mask_offset_pinholes=1))
    assert moved["Y"][:-1] == pytest.approx(plain["Y"][1:], abs=0.02)


def test_a_lamp_that_is_out_shows_none_of_its_lines() -> None:
    image, truth = spots(one_line(arc_lamps_out=("Ne",)))
    assert image.sum() == 0.0
    assert list(truth["MISSING"]) == [1] * 9


def test_an_end_may_be_dark_in_one_order_alone() -> None:
    scene = one_line(pinhole_share={8: 0.0}, pinhole_share_orders=(18,)).scene
    facts = lit("NIR").facts
    shares = {order: pinholes(scene, facts, order, multiple=True).share for order in (17, 18)}
    assert shares[17][8] == 1.0
    assert shares[18][8] == 0.0


def test_lines_beside_are_in_no_list_and_have_the_light_asked_for() -> None:
    plain = one_line()
    wave = float(plain.facts.arc_line_nm[0]) + 0.3
    shown = shown_lines(plain.scene.model_copy(update={"arc_extra_lines": ((wave, 5e4),)}), plain.facts)
    assert list(shown.listed) == [True, False]
    assert shown.wavelength_nm[1] == wave
    assert shown.electrons[1] == 5e4
    assert shown.ion[1] == ""


def test_the_truth_has_no_lines_beyond_the_detector() -> None:
    plain = lit("NIR")
    span = plain.canvases[18].columns.wavelength_nm
    beyond = np.array([0.5 * (plain.facts.spectral_format[18].full_nm[0] + span.min()), 0.5 * (span.min() + span.max())])
    facts = replace(plain.facts, arc_line_nm=beyond, arc_line_ion=("NeI", "NeI"))
    truth = make_calibration_set(plain.scene.model_copy(update={"kinds": ("multi_pinhole_arc",)}), facts).truth().tables["LINES"]
    assert set(truth["WAVELENGTH"][truth["ORDER"] == 18]) == {beyond[1]}
