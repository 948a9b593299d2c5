"""Raw calibration frames as files."""

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.simulated_calibrations import read_calibration_truth, write_calibration_set
from soxspipe.io.simulated_facts import make_scene_of, read_facts
from soxspipe.simulate.calibration_scene import CalibrationScene
from soxspipe.simulate.calibrations import make_calibration_set
from support.small import small_facts


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    scene = make_scene_of(CalibrationScene, {"arm": "VIS", "bias_frames": 2, "flat_frames": 1, "seed": 3})
    return write_calibration_set(make_calibration_set(scene, small_facts(read_facts(scene))), tmp_path_factory.mktemp("vis"))


def test_one_set_of_files_a_recipe(written):
    sofs = [path for path in written if path.suffix == ".sof"]
    assert [path.name for path in sofs] == [
        "20250301T213600_VIS_1X1_1_MBIAS_SOXS.sof",
        "20250301T213720_VIS_1X1_1_MFLAT_SLIT1_0_20S_SOXS.sof",
    ]
    assert [line.split()[1] for line in sofs[1].read_text().splitlines()] == ["LAMP_FLAT_VIS"] * 2
    assert written[-1].name == "truth_cal.fits"


def test_headers_say_which_lamp_is_on_and_leave_the_rotator_out(written):
    flats = {path.name: fits.getheader(path) for path in written if "flat" in path.name}
    assert flats["VIS_flat_qth_0.fits"]["ESO INS QTH NAME"] == "Qth_Lamp"
    assert "ESO INS DEUT NAME" not in flats["VIS_flat_qth_0.fits"]
    assert flats["VIS_flat_d2_0.fits"]["ESO INS DEUT NAME"] == "Deut_Lamp"
    assert all("ESO ADA ABSROT END" not in header for header in flats.values())
    assert {header["ESO DPR TECH"] for header in flats.values()} == {"ECHELLE,SLIT"}


def test_the_truth_comes_back(written, tmp_path):
    truth = read_calibration_truth(written[-1])
    assert truth.header["RON"] == 3.8
    assert set(truth.tables["CENTRES"]) == {"ORDER", "DISP_PIX", "WAVE", "CENTRE", "EDGE_LOW", "EDGE_UP", "PIXSCALE_NM"}
    raw = fits.getdata(next(path for path in written if path.name == "VIS_bias_0.fits")) * truth.header["GAIN"]
    assert np.mean(raw - truth.images["PEDESTAL"]) == pytest.approx(0.0, abs=4.0)
    with pytest.raises(MissingInputError, match="no truth"):
        read_calibration_truth(tmp_path / "none.fits")
    fits.PrimaryHDU().writeto(tmp_path / "other.fits")
    with pytest.raises(InputError, match="CENTRES"):
        read_calibration_truth(tmp_path / "other.fits")
