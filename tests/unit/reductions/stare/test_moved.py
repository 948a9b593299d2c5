"""The calibrated spectrum in the frame and medium that the settings ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from soxspipe.datamodel.observation import Observation
from soxspipe.numerics.air import air_to_vacuum
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.stare import moved
from soxspipe.settings.stare import StareSettings
from support.runs import make_stare_run, publish_stare

ASKED = {"wavelength_frame": "barycentric", "wavelength_medium": "vacuum"}
LIGHT_KM_S = 299792.458


def test_a_set_gives_the_spectrum_once_more_as_the_settings_ask(tmp_path: Path) -> None:
    run = make_stare_run("NIR")
    run = replace(run, settings=run.settings.model_copy(update={**ASKED, "make_plots": False}))
    published = publish_stare(run, tmp_path, StepTimer())
    paths = {record.label: record.path for record in published.products}
    plain, other = (fits.getdata(paths[label], 1) for label in ("EXTRACTED_FLUXCAL_SPECTRUM", "MOVED_FLUXCAL_SPECTRUM"))
    header = fits.getheader(paths["MOVED_FLUXCAL_SPECTRUM"])
    assert paths["MOVED_FLUXCAL_SPECTRUM"].name.endswith("_FLUXCAL_barycentric_vacuum.fits")
    assert (header["SPECSYS"], header["SOXS WAVE MEDIUM"]) == ("BARYCENT", "vacuum")
    velocity = fits.getheader(paths["EXTRACTED_FLUXCAL_SPECTRUM"])["SOXS BARY VEL"]
    expected = air_to_vacuum(plain["WAVE"]) * np.sqrt((1 + velocity / LIGHT_KM_S) / (1 - velocity / LIGHT_KM_S))
    np.testing.assert_allclose(other["WAVE"], expected, rtol=1e-8)
    np.testing.assert_array_equal(other["FLUX_CALIBRATED"], plain["FLUX_CALIBRATED"])
    rows = np.loadtxt(paths["MOVED_FLUXCAL_ASCII"])
    np.testing.assert_allclose(rows[:, 0], 10.0 * other["WAVE"], atol=6e-4)


def test_by_default_nothing_more_is_written(tmp_path: Path) -> None:
    assert not moved.is_asked_for(make_stare_run("NIR"))


@pytest.mark.parametrize(
    ("seen", "lacking"),
    [
        ({"mjd": 61000.0}, "no position"),
        ({"ra_deg": 10.0, "dec_deg": -30.0}, "no date"),
        ({}, "no date and no position"),
        ({"mjd": 61000.0, "ra_deg": 10.0, "dec_deg": -30.0}, ""),
    ],
)
def test_a_header_without_date_or_position_is_said_and_nothing_is_written(seen: dict[str, float], lacking: str) -> None:
    observation = Observation(arm="NIR", kind="OBJECT", exptime_s=1.0, **seen)
    said = list(moved.frame_warnings(observation, StareSettings(wavelength_frame="barycentric")))
    assert [lacking in sentence for sentence in said] == ([True] if lacking else [])
    assert list(moved.frame_warnings(observation, StareSettings(wavelength_medium="vacuum"))) == []
