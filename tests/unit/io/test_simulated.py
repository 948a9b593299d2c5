"""Simulated data sets as files: complete, in the formats of the interface contract, and readable by the package's own readers."""

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.io.simulated import read_truth, sof_name
from soxspipe.io.simulated_facts import make_scene
from soxspipe.reductions.simulate import simulate_dataset

IMAGES = ["OBJECT", "SKY", "VARIANCE", "FLAT", "WAVE", "SLIT", "ORDER", "CRMASK", "BADMASK"]


@pytest.fixture(scope="module")
def nir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nir")
    return simulate_dataset(
        {"arm": "NIR", "orders": [12], "exposures": 2, "ab_mag": 16.0, "seed": 3, "dispersion_range": [200, 500]}, folder
    )


@pytest.fixture(scope="module")
def vis(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vis")
    return simulate_dataset({"arm": "VIS", "target": "standard", "orders": [4], "binning": [2, 2], "seed": 3}, folder)


def open_named(paths, start):
    return fits.open(next(path for path in paths if path.name.startswith(start)))


def test_sof_lists_every_file_but_the_truth(nir):
    lines = nir[0].read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in lines] == [str(path) for path in nir[1:-1]]
    assert [line.split()[1] for line in lines] == [
        *["OBJECT_NIR"] * 2, "MASTER_DARK_NIR", "MASTER_FLAT_NIR", "ORDER_TAB_NIR", "DISP_TAB_NIR", "DISP_IMAGE_NIR",
    ]  # fmt: skip
    assert nir[-1].name == "truth.fits"


def test_sof_name_follows_the_template():
    name = sof_name(make_scene({"arm": "VIS", "target": "standard", "binning": [2, 1], "exptime_s": 12.5, "seed": 4}))
    assert name == "20250302T020000_VIS_2X1_4_STARE_STD_FLUX_12PT5S_SOXS_LTT7987.sof"


def test_raw_frames(nir, vis):
    with open_named(nir, "raw_NIR_sci_1") as raw:
        header = raw[0].header
        assert raw[0].data.shape == (2048, 2048)
        assert raw[0].data.dtype.kind == "f"
        assert header["ESO DPR TYPE"] == "OBJECT"
        assert header["ESO DPR TECH"] == "ECHELLE,SLIT,STARE"
        assert header["MJD-OBS"] > 60736.084
        for keyword in ("ESO INS TEMP301 VAL", "ESO INS TEMP217 VAL", "ESO TEL AIRM END", "ESO TEL AMBI FWHM START", "ESO SEQ ARM"):
            assert keyword in header
    with open_named(vis, "raw_VIS_std_0") as raw:
        header = raw[0].header
        assert raw[0].data.shape == (2048, 454)
        assert raw[0].data.dtype == np.uint16
        assert (header["ESO DET BINX"], header["ESO DET BINY"]) == (2, 2)
        assert header["ESO DET OUT1 CONAD"] == 1.25
        assert header["ESO DPR TYPE"] == "STD,FLUX"
        assert header["OBJECT"] == "LTT7987"


def test_masters(nir, vis):
    for paths, name, shape in ((nir, "master_dark", (2040, 2040)), (vis, "master_bias", (2048, 404)), (vis, "master_flat", (2048, 404))):
        with open_named(paths, name) as hdus:
            assert [hdu.name for hdu in hdus] == ["FLUX", "QUAL", "ERRS"]
            assert {hdu.data.shape for hdu in hdus} == {shape}
            assert hdus["ERRS"].header["UTYPE"] == "StdDevUncertainty"
            assert hdus[0].header["ESO PRO TYPE"] == "REDUCED"
            assert "ESO DPR TYPE" not in hdus[0].header
            assert "SXSPRE" in hdus[0].header


def test_geometry_files_are_unbinned(vis):
    with open_named(vis, "disp_image") as hdus:
        assert [hdu.name for hdu in hdus] == ["WAVELENGTH", "SLIT", "ORDER"]
        assert hdus[0].data.shape == (4096, 808)
        inside = np.isfinite(hdus["ORDER"].data)
        assert set(np.unique(hdus["ORDER"].data[inside])) == {4.0}
        assert not np.isfinite(hdus["WAVELENGTH"].data[~inside]).any()
    with open_named(vis, "order_table") as hdus:
        assert len(hdus[1].data) == 1
        assert hdus[1].columns.names[:3] == ["degorder_cent", "degy_cent", "cent_00"]
        assert hdus[2].columns.names == ["order", "ymin", "ymax", "xmin", "xmax"]
    with open_named(vis, "disp_table") as hdus:
        assert list(hdus[1].data["axis"]) == ["x", "y"]


def test_truth_survives_the_file(nir):
    truth = read_truth(nir[-1])
    assert list(truth.images) == IMAGES
    assert truth.header["DISPAX"] == "x"
    assert truth.header["NFRAMES"] == 2
    assert truth.orders["ORDER"].dtype.kind == "i"
    assert list(truth.source) == ["WAVE", "FLUX", "SLIT_FRACTION", "ATMOSPHERE", "TELLURIC"]
    assert truth.images["CRMASK"].dtype == np.uint8
    assert list(truth.orders)[:9] == [
        "ORDER",
        "DISP_PIX",
        "WAVE",
        "WAVE_MAP",
        "PIXSCALE_NM",
        "TRACE",
        "OBJ_E",
        "OBJ_FLAT",
        "OBJ_E_ANALYTIC",
    ]
    lit = np.any(np.isfinite(truth.images["ORDER"]), axis=0)
    assert (np.flatnonzero(lit)[0], np.flatnonzero(lit)[-1]) == (200, 499)
