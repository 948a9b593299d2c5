"""Numbers arrive in the page as they left."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from soxspipe.datamodel.flags import SpectrumFlag
from soxspipe.report.science import ReportContent
from soxspipe.report.science.payload import FLAG_TEXT, as_json, one_series, packed, spectrum_payload, thinned

Make = Callable[..., ReportContent]


def unpacked(entry: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(entry["d"]), dtype="<" + entry["t"])


def test_arrays_survive_the_way() -> None:
    values = np.array([1.0, np.nan, -3.5e-17])
    np.testing.assert_allclose(unpacked(packed(values)), values, rtol=1e-7)
    np.testing.assert_array_equal(unpacked(packed(values, "f8")), values)
    np.testing.assert_array_equal(unpacked(packed(np.array([0, 1023]), "i2")), [0, 1023])


def test_every_flag_fits_and_has_a_name() -> None:
    assert set(FLAG_TEXT) == set(SpectrumFlag)
    assert max(SpectrumFlag) < 2**14


def test_json_cannot_end_its_element() -> None:
    text = as_json({"target": "</script><script>alert(1)//", "line": "\u2028"})
    assert "<" not in text
    assert ">" not in text
    assert "\u2028" not in text
    assert json.loads(text)["target"] == "</script><script>alert(1)//"


def test_json_refuses_numbers_that_no_browser_reads() -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_json(float("nan"))


def test_views_hold_flux_error_and_a_regular_axis(content: Make) -> None:
    reduction = content().reduction
    assert reduction.fluxed is not None
    payload = spectrum_payload(reduction)
    assert list(payload["views"]) == ["flux", "counts", "snr", "sky"]
    flux = payload["views"]["flux"]
    axis = flux["wave"]
    np.testing.assert_allclose(axis["start"] + axis["step"] * np.arange(axis["n"]), reduction.fluxed.wavelength_nm, atol=1e-6)
    exponent = np.log10(reduction.fluxed.flux[100] / unpacked(flux["value"])[100])
    assert exponent == pytest.approx(round(exponent), abs=1e-6)
    np.testing.assert_allclose(unpacked(flux["error"]) * 10.0 ** round(exponent), reduction.fluxed.error, rtol=1e-6)
    np.testing.assert_array_equal(unpacked(payload["views"]["counts"]["quality"]), reduction.merged.quality)
    assert payload["correlation"] == [0.4, 0.1, 0.02]
    assert payload["joins"] == pytest.approx([join.wavelength_nm for join in reduction.merged.joins], abs=1e-3)


def test_samples_without_data_become_gaps(content: Make) -> None:
    reduction = content().reduction
    quality = np.array(reduction.merged.quality)
    quality[10:20] |= int(SpectrumFlag.NO_DATA)
    payload = spectrum_payload(replace(reduction, fluxed=None, merged=replace(reduction.merged, quality=quality)))
    assert list(payload["views"]) == ["counts", "snr", "sky"]
    counts = unpacked(payload["views"]["counts"]["value"])
    assert np.isnan(counts[10:20]).all()
    assert np.isfinite(counts[20:]).all()


def test_series_are_sorted_distinct_and_finite() -> None:
    entry = one_series("a", "#000", "dots", np.array([2.0, 1.0, 2.0, np.nan]), np.array([5.0, 4.0, 6.0, 1.0]))
    x = unpacked(entry["x"])
    assert np.all(np.diff(x) > 0)
    np.testing.assert_allclose(x, [1.0, 2.0, 2.0], rtol=1e-6)
    np.testing.assert_allclose(unpacked(entry["y"]), [4.0, 5.0, 6.0])


def test_thinned_curves_are_means() -> None:
    x, y = thinned(np.arange(10.0), np.arange(10.0) ** 2, points=5)
    np.testing.assert_allclose(x, [0.5, 2.5, 4.5, 6.5, 8.5])
    np.testing.assert_allclose(y[:2], [0.5, 6.5])
