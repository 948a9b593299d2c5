"""Simulated data sets go through the package's own front door, and products go back against their truth."""

import json

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.simulated import read_truth
from soxspipe.reductions.simulate import simulate_dataset
from soxspipe.reductions.stare.gather import gather
from soxspipe.reductions.validate import FIGURES, main, validate


@pytest.fixture(scope="module")
def data_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vis")
    scene = {"arm": "VIS", "orders": [3, 4], "dispersion_range": [1800, 2200], "binning": [2, 1], "seed": 3, "ab_mag": 15.0}
    return simulate_dataset(scene, folder)


def write_products(folder, truth, *, factor=1.0):
    """Products with the true electrons."""
    folder.mkdir()
    orders = truth.orders
    columns = {
        "order": orders["ORDER"],
        "xcoord_centre": orders["TRACE"],
        "ycoord": orders["DISP_PIX"],
        "wavelengthMean": orders["WAVE"],
        "varianceSpectrum": np.maximum(orders["OBJ_FLAT"], 1.0),
        "extractedFluxOptimal": factor * orders["OBJ_FLAT"],
        "extractedFluxBoxcar": orders["OBJ_FLAT"],
    }
    table = fits.BinTableHDU.from_columns([fits.Column(name, "K" if v.dtype.kind == "i" else "D", array=v) for name, v in columns.items()])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(folder / "a_EXTRACTED_ORDERS.fits")
    image = truth.images["OBJECT"] / np.where(truth.images["FLAT"] > 0, truth.images["FLAT"], 1.0)
    quality = fits.ImageHDU(truth.images["BADMASK"], name="QUAL")
    fits.HDUList([fits.PrimaryHDU(image.astype(np.float32)), quality]).writeto(folder / "a_SKYSUB.fits")
    return folder


def test_a_set_is_complete_and_consistent(data_set):
    gathered = gather(str(data_set[0]))
    assert gathered.warnings == ()
    inputs = gathered.inputs
    assert inputs.arm.name == "VIS"
    assert inputs.detector.binning == (2, 1)
    assert inputs.detector.gain_e_per_adu == 1.25
    assert inputs.masters.bias is not None
    assert inputs.masters.flat is not None
    truth = read_truth(data_set[-1])
    ours, true = inputs.geometry.dispersion_map, truth.images
    both = np.isfinite(ours.wavelength_nm) & np.isfinite(true["WAVE"])
    assert both.sum() > 0.9 * np.isfinite(true["WAVE"]).sum()
    assert np.abs((ours.wavelength_nm - true["WAVE"])[both]).max() < 0.01
    np.testing.assert_array_equal(ours.order[both], true["ORDER"][both])


def test_validation_of_true_products(data_set, tmp_path, capsys):
    products = write_products(tmp_path / "products", read_truth(data_set[-1]))
    result = validate(products, data_set[-1].parent, json_file=tmp_path / "score.json")
    values = {figure.path: value for figure, value in result.lines}
    assert len(result.lines) == len(FIGURES)
    assert values["orders/bias_pct"] == pytest.approx(0.0, abs=1e-6)
    assert values["orders/wavelength_error_px"] == 0.0
    assert np.isnan(values["merged/bias_pct"])
    assert json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))["orders"]["delivered"] == 1.0
    assert main([str(products), str(data_set[-1])]) == 0
    printed = capsys.readouterr().out
    assert "flux bias, %" in printed
    assert len(printed.splitlines()) == len(FIGURES)


def test_a_figure_off_its_target_is_marked(data_set, tmp_path):
    products = write_products(tmp_path / "products", read_truth(data_set[-1]), factor=1.02)
    lines = validate(products, data_set[-1]).text.splitlines()
    assert next(line for line in lines if "flux bias, %" in line).startswith("!")
    assert next(line for line in lines if "wavelength error" in line).startswith(" ")


def test_what_is_missing_or_mixed_is_said(data_set, tmp_path, capsys):
    with pytest.raises(MissingInputError, match="no folder"):
        validate(tmp_path / "none", data_set[-1])
    with pytest.raises(MissingInputError, match="no products"):
        validate(tmp_path, data_set[-1])
    with pytest.raises(MissingInputError, match="truth"):
        validate(write_products(tmp_path / "one", read_truth(data_set[-1])), tmp_path / "none.fits")
    write_products(tmp_path / "two", read_truth(data_set[-1]))
    with pytest.raises(InputError, match="2 files"):
        validate(tmp_path, data_set[-1])
    assert main(["only one"]) == 2
    assert main([str(tmp_path / "none"), str(data_set[-1])]) == 2
    assert "usage" in capsys.readouterr().err
