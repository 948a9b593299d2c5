"""The scorer: perfect products are perfect, and each fault shows in its own figure."""

from dataclasses import replace

import numpy as np
import pytest

from soxspipe.reductions.validate import Figure
from soxspipe.simulate.score import Extracted, Products, score
from support.scenes import cached_scene

PREPARED = cached_scene("NIR", (("ab_mag", 15.0), ("seed", 11)))
TRUTH = PREPARED.truth
STEP_NM = 0.06


def perfect(rng: np.random.Generator, *, noise: float = 1.0) -> Products:
    """Products with exactly the ideal noise and nothing else."""
    orders, images = TRUTH.orders, TRUTH.images
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(orders["SNR_IDEAL"] > 0, orders["OBJ_FLAT"] / orders["SNR_IDEAL"], 1.0)
    flux = orders["OBJ_FLAT"] + noise * error * rng.normal(size=error.size)
    flat = np.where(images["FLAT"] > 0, images["FLAT"], 1.0)
    spread = np.sqrt(np.where(images["VARIANCE"] > 0, images["VARIANCE"], 1.0))
    grid = np.arange(np.ceil(orders["WAVE"].min() / STEP_NM), np.floor(orders["WAVE"].max() / STEP_NM)) * STEP_NM
    nearest = np.argmin(np.abs(orders["WAVE"][None, :] - grid[:, None]), axis=1)
    far = np.abs(orders["WAVE"][nearest] - grid) > 0.1
    merged = np.where(far, 0.0, np.interp(grid, np.sort(orders["WAVE"]), orders["OBJ_FLAT"][np.argsort(orders["WAVE"])]))
    return Products(
        orders=Extracted(
            b_px=orders["DISP_PIX"].astype(float),
            a_px=orders["TRACE"],
            wavelength_nm=orders["WAVE"],
            flux=flux,
            variance=error**2,
            boxcar=flux,
        ),
        sky_subtracted=(images["OBJECT"] + noise * spread * rng.normal(size=flat.shape)) / flat,
        flagged=(images["BADMASK"] > 0) | (images["CRMASK"] > 0),
        merged={
            "WAVE": grid,
            "FLUX_COUNTS": merged + error[nearest] * rng.normal(size=grid.size),
            "VARIANCE": error[nearest] ** 2,
        },
        fluxed={},
        efficiency={},
    )


@pytest.fixture(scope="module")
def products():
    return perfect(np.random.default_rng(1))


def test_perfect_products_score_one(products):
    result = score(products, TRUTH)
    orders, sky, merged = result["orders"], result["sky"], result["merged"]
    assert orders["snr_ratio"] == pytest.approx(1.0, abs=0.05)
    assert orders["chi_std"] == pytest.approx(1.0, abs=0.05)
    assert orders["bias_pct"] == pytest.approx(0.0, abs=0.2)
    assert orders["outliers_per_1000"] == 0.0
    assert orders["wavelength_error_px"] == orders["trace_error_px"] == 0.0
    assert orders["delivered"] == 1.0
    assert sky["beside"]["robust"] == pytest.approx(1.0, abs=0.03)
    assert sky["good_pixels_flagged"] == 0.0
    assert sky["cosmic_rays_flagged"] in (None, 1.0)
    assert merged["chi_std_1nm"] == pytest.approx(0.95, abs=0.2)
    assert merged["delivered"] > 0.99
    assert result["flux"] is None is result["efficiency"]


def test_pixels_that_no_light_reaches_may_be_flagged(products):
    images = TRUTH.images
    dark = replace(TRUTH, images={**images, "FLAT": np.where(images["SLIT"] > 0, np.float32(1e-4), images["FLAT"])})
    assert score(replace(products, flagged=products.flagged | (images["SLIT"] > 0)), dark)["sky"]["good_pixels_flagged"] == 0.0
    assert score(replace(products, flagged=products.flagged | (images["SLIT"] < 0)), dark)["sky"]["good_pixels_flagged"] == 1.0


def test_each_fault_shows_in_its_figure(products):
    orders = products.orders
    bright = score(replace(products, orders=replace(orders, flux=1.05 * orders.flux)), TRUTH)["orders"]
    assert bright["bias_pct"] == pytest.approx(5.0, abs=0.3)
    optimist = score(replace(products, orders=replace(orders, variance=0.25 * orders.variance)), TRUTH)["orders"]
    assert optimist["chi_std"] == pytest.approx(2.0, abs=0.1)
    step = TRUTH.orders["PIXSCALE_NM"]
    shifted = score(replace(products, orders=replace(orders, wavelength_nm=orders.wavelength_nm + 0.4 * step)), TRUTH)["orders"]
    assert shifted["wavelength_error_px"] == pytest.approx(0.4, abs=1e-3)
    beside = score(replace(products, orders=replace(orders, a_px=orders.a_px - 0.3)), TRUTH)["orders"]
    assert beside["trace_error_px"] == pytest.approx(-0.3, abs=1e-6)
    struck = orders.flux.copy()
    struck[::100] *= 3.0
    assert score(replace(products, orders=replace(orders, flux=struck)), TRUTH)["orders"]["outliers_per_1000"] == pytest.approx(
        10.0, abs=1.0
    )


def test_noisier_products_score_less():
    noisy = score(perfect(np.random.default_rng(2), noise=1.25), TRUTH)
    assert noisy["orders"]["snr_ratio"] == pytest.approx(0.8, abs=0.06)
    assert noisy["sky"]["beside"]["robust"] == pytest.approx(1.25, abs=0.03)


def test_a_missing_order_is_seen(products):
    orders = products.orders
    kept = TRUTH.orders["ORDER"] != TRUTH.orders["ORDER"][0]
    fewer = Extracted(**{name: getattr(orders, name)[kept] for name in orders.__slots__})
    assert score(replace(products, orders=fewer), TRUTH)["orders"]["delivered"] == pytest.approx(2 / 3, abs=0.01)


def test_an_object_left_in_the_sky_is_seen(products):
    left = score(replace(products, sky_subtracted=products.sky_subtracted + 5.0), TRUTH)["sky"]
    assert left["beside"]["median"] > 0.3


def test_nothing_made_scores_nothing():
    result = score(Products(merged={}, fluxed={}, efficiency={}), TRUTH)
    assert [result[name] for name in ("orders", "sky", "merged", "flux", "efficiency")] == [None] * 5


def test_a_flux_calibration_is_held_against_the_source():
    source = TRUTH.source
    wave = np.arange(1085.0, 1100.0, 0.06)
    flux = 1.02 * np.interp(wave, source["WAVE"], source["FLUX"])
    table = {"WAVE": wave, "FLUX_CALIBRATED": flux, "FLUX_CALIBRATED_ERR": 0.01 * flux}
    products = Products(merged={}, fluxed=table, efficiency={})
    assert score(products, TRUTH)["flux"]["everywhere"]["median_pct"] == pytest.approx(2.0, abs=0.05)
    worse_seeing = replace(TRUTH, source=dict(source) | {"SLIT_FRACTION": source["SLIT_FRACTION"] / 1.02})
    assert score(products, TRUTH, worse_seeing)["flux"]["everywhere"]["median_pct"] == pytest.approx(0.0, abs=0.05)


def test_an_efficiency_is_held_against_the_electrons():
    rows = TRUTH.orders["ORDER"] == TRUTH.orders["ORDER"][-1]
    table = {"WAVE": TRUTH.orders["WAVE"][rows], "EFFICIENCY": 1.1 * TRUTH.orders["EFF_TOTAL"][rows]}
    result = score(Products(merged={}, fluxed={}, efficiency=table), TRUTH)
    assert result["efficiency"]["median_pct"] == pytest.approx(10.0, abs=0.5)


def test_a_noisier_scene_has_wider_aims() -> None:
    figure = Figure(path="a", label="bias", digits=2, bound="size", high=0.3, noise="b", sigmas=3.0)
    assert figure.meets(0.4) is False
    assert figure.beyond(0.1).meets(0.4) is True
    assert figure.beyond(0.1).target == "+-0.42"
    assert figure.beyond(float("nan")) == figure
