"""Every file of the product table: name, folder, HDUs, columns in their order with type and unit, keywords, checksums."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

from soxspipe.datamodel.flags import MASKED, PixelFlag
from soxspipe.io.fits_writer import card_text
from soxspipe.numerics.air import air_to_vacuum
from soxspipe.reductions.progress import StepTimer
from support.runs import MADE_AT, make_stare_run, publish_stare
from support.sdp_rules import broken_rules

CASES = [("NIR", False), ("NIR", True), ("VIS", False), ("VIS", True)]
ELECTRONS, PER_PX = "ct", "ct pix-1"
FLUX = "erg s-1 cm-2 Angstrom-1"
MERGED = [
    ("WAVE", "D", "nm"),
    ("FLUX_COUNTS", "D", ELECTRONS),
    ("VARIANCE", "E", "ct2"),
    ("SKY_COUNTS", "E", PER_PX),
    ("SNR", "D", ""),
    ("FLUX_DENSITY_COUNTS", "D", "ct nm-1"),
]
CATEGORY = {
    "EXTRACTED_ORDERS": "SCI_SLIT_FLUX",
    "EXTRACTED_MERGED": "SCI_SLIT_FLUX",
    "EXTRACTED_ORDERS_NOTFLAT": "SCI_SLIT_FLUX",
    "EXTRACTED_MERGED_NOTFLAT": "SCI_SLIT_FLUX",
    "FLUXCAL": "SCI_SLIT_FLUX",
    "SPECTRUM_1D": "SCI_SLIT_FLUX",
    "SPECTRUM_1D_IMAGE": "SCI_SLIT_FLUX",
    "RESP": "RESP_TAB",
    "EFFICIENCY": "EFFICIENCY_TAB",
    "OBJTRACE": "OBJECT_TAB",
}


@cache
def _published(folder: Path, arm: str, standard: bool):
    run = make_stare_run(arm, standard=standard)
    return run, publish_stare(run, folder, StepTimer())


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("products")


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'std' if case[1] else 'sci'}")
def case(request, output):
    arm, standard = request.param
    run, published = _published(output, arm, standard)
    return output, run, published


def product(case, suffix):
    output, run, published = case
    if suffix == "SPECTRUM_1D.fits":  # its name is shortened to what ESO's archive takes
        return next(record.path for record in published.products if record.label == "SPECTRUM_1D")
    base = run.provenance.sof_name.upper() if suffix == "OBJTRACE.fits" else run.provenance.sof_name
    return output / "reduced" / "2025-03-01" / run.provenance.recipe / f"{base}_{suffix}"


def columns_of(hdu):
    return [(column.name, column.format, column.unit or "") for column in hdu.columns]


def test_the_files_of_the_table_are_there_and_no_others(case):
    output, run, published = case
    images = ["SKYSUB.fits", "SKYMODEL.fits", "SKYSUB_RESIDUALS.fits"]
    always = [
        "OBJTRACE.fits",
        "EXTRACTED_ORDERS.fits",
        "EXTRACTED_MERGED.fits",
        "EXTRACTED_MERGED.txt",
        "FLUXCAL.fits",
        "FLUXCAL.txt",
        "SPECTRUM_1D.fits",
        "SPECTRUM_1D_IMAGE.fits",
    ]
    standard = ["EXTRACTED_ORDERS_NOTFLAT.fits", "EXTRACTED_MERGED_NOTFLAT.fits", "RESP.fits", "EFFICIENCY.fits"]
    wanted = images + always + (standard if run.inputs.is_standard else [])
    expected = {product(case, suffix) for suffix in wanted} | {
        product(case, suffix) for suffix in ("SETTINGS.yaml", "EXTRACTED_MERGED.log")
    }
    for suffix in ("QC.json", "LACOSMIC_MASK.fits"):
        expected.add(output / "qc" / "2025-03-01" / run.provenance.recipe / f"{run.provenance.sof_name}_{suffix}")
    assert {record.path for record in published.products} == expected
    assert all(path.is_file() for path in expected)
    assert published.final == product(case, "FLUXCAL.fits")


@pytest.mark.parametrize("suffix", ["SKYSUB.fits", "SKYMODEL.fits", "SKYSUB_RESIDUALS.fits"])
def test_images(case, suffix):
    _, run, _ = case
    with fits.open(product(case, suffix), checksum=True) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["FLUX", "QUAL", "ERRS", "LONG_VALUES"]
        hdus.pop()
        assert [hdu.data.dtype.newbyteorder("=") for hdu in hdus] == [np.float32, np.uint8, np.float32]
        assert {hdu.data.shape for hdu in hdus} == {run.inputs.geometry.shape}
        assert hdus["FLUX"].header["BUNIT"] == "electron"
        assert hdus["ERRS"].header["UTYPE"] == "StdDevUncertainty"
        assert "ESO PRO CATG" not in hdus[0].header
        inside = run.inputs.geometry.dispersion_map.order > 0
        outside = hdus["FLUX"].data[~inside]
        assert np.all(np.isnan(outside)) if "RESIDUALS" in suffix else np.all(outside == 0)
        assert np.all(np.isfinite(hdus["FLUX"].data[inside]))
        assert np.all(hdus["ERRS"].data[hdus["QUAL"].data == 0] > 0)  # a weight of 1 / error² is never infinite


def test_images_hold_the_values_of_the_run(case):
    _, run, _ = case
    with fits.open(product(case, "SKYSUB.fits")) as hdus:
        np.testing.assert_allclose(hdus["FLUX"].data, run.result.sky_subtracted.electrons, rtol=1e-6)
        np.testing.assert_allclose(hdus["ERRS"].data, np.sqrt(run.result.sky_subtracted.variance), rtol=1e-6)
        frame = run.result.sky_subtracted
        known = frame.variance > 0
        np.testing.assert_array_equal(hdus["QUAL"].data[known], frame.flags[known])
        assert not np.any((hdus["QUAL"].data == 0) & ~(hdus["ERRS"].data > 0))  # no good pixel without an error


def test_cosmic_ray_mask(case):
    _, run, published = case
    path = next(record.path for record in published.products if record.label == "LACOSMIC_MASK")
    with fits.open(path, checksum=True) as hdus:
        assert hdus["CRMASK"].data.dtype == np.uint8
        assert hdus["CRMASK"].header["NCRPIX"] == int(hdus["CRMASK"].data.sum())
        np.testing.assert_array_equal(hdus["CRMASK"].data == 1, (run.result.sky_subtracted.flags & PixelFlag.COSMIC_RAY) != 0)


def test_fluxed_text_loads_as_it_is(case):
    _, run, _ = case
    wave, flux, error, quality = np.loadtxt(product(case, "FLUXCAL.txt"), unpack=True)
    np.testing.assert_allclose(wave, 10 * run.result.fluxed.wavelength_nm, atol=0.006)
    np.testing.assert_allclose(flux, run.result.fluxed.flux, rtol=1e-6)
    np.testing.assert_allclose(error, run.result.fluxed.error, rtol=1e-6)
    np.testing.assert_array_equal(quality, run.result.fluxed.quality)


@pytest.mark.parametrize("kind", ["", "_NOTFLAT"])
def test_extracted_orders(case, kind):
    _, run, _ = case
    if kind and not run.inputs.is_standard:
        pytest.skip("only for standards")
    a, b = run.inputs.arm.slit_axis, run.inputs.arm.dispersion_axis
    with fits.open(product(case, f"EXTRACTED_ORDERS{kind}.fits"), checksum=True) as hdus:
        labels = [spectrum.label for spectrum in run.result.orders]
        assert [hdu.name for hdu in hdus[:2]] == ["PRIMARY", "ORDERS"]
        assert {hdu.name for hdu in hdus[2:]} - {"LONG_VALUES"} == {f"ORDER_{label}" for label in labels}
        for spectrum in run.result.orders if not kind else ():
            alone = hdus[f"ORDER_{spectrum.label}"].data
            assert np.all(np.diff(alone["WAVE"]) > 0)
            np.testing.assert_array_equal(alone["FLUX_COUNTS"], spectrum.flux)
        np.testing.assert_allclose(hdus[1].data["waveVacuum"], air_to_vacuum(hdus[1].data["wavelengthMean"]))
        assert columns_of(hdus[1])[:11] == [
            ("order", "K", ""),
            (f"{a}coord_centre", "D", "pix"),
            (f"{b}coord", "K", "pix"),
            ("wavelengthMean", "D", "nm"),
            ("pixelScaleNm", "D", "nm pix-1"),
            ("varianceSpectrum", "D", "ct2"),
            ("snr", "D", ""),
            ("extractedFluxOptimal", "D", ELECTRONS),
            ("extractedFluxBoxcar", "D", ELECTRONS),
            ("extractedFluxBoxcarRobust", "D", ELECTRONS),
            ("skyFlux", "D", PER_PX),
        ]
        table = Table(hdus[1].data)
    wanted = {1: "r", 2: "u", 3: "g", 4: "i"} if run.inputs.arm.name == "VIS" else {10: "10", 11: "11", 12: "12"}
    assert dict(zip(table["order"].tolist(), table["band"].tolist(), strict=True)) == wanted
    appearance = list(dict.fromkeys(table["orderDetector"].tolist()))
    assert appearance == [entry.order for entry in run.inputs.geometry.spectral_format.orders]
    for order in appearance:
        assert np.all(np.diff(table["wavelengthMean"][table["orderDetector"] == order]) > 0)
    np.testing.assert_allclose(table["snr"], table["extractedFluxOptimal"] / np.sqrt(table["varianceSpectrum"]), rtol=1e-9)


@pytest.mark.parametrize("kind", ["", "_NOTFLAT"])
def test_extracted_merged(case, kind):
    _, run, _ = case
    if kind and not run.inputs.is_standard:
        pytest.skip("only for standards")
    with fits.open(product(case, f"EXTRACTED_MERGED{kind}.fits"), checksum=True) as hdus:
        assert hdus[1].name == "MERGED"
        assert columns_of(hdus[1])[:6] == MERGED
        assert columns_of(hdus[1])[6:] == [
            ("FLUX_COUNTS_ERR", "D", ELECTRONS),
            *((f"CORR_LAG{lag}", "E", "") for lag in (1, 2, 3)),
            ("QUAL", "J", ""),
            ("ORDER", "K", ""),
            ("WAVE_VAC", "D", "nm"),
        ]
        table = Table(hdus[1].data)
    step = run.inputs.arm.merge_step_nm
    np.testing.assert_allclose(table["WAVE"] / step, np.round(table["WAVE"] / step), atol=1e-6)
    np.testing.assert_allclose(np.diff(table["WAVE"]), step, atol=1e-9)
    assert set(np.unique(table["ORDER"])) == ({1, 2, 3, 4} if run.inputs.arm.name == "VIS" else {10, 11, 12})


def test_ascii_has_the_six_columns_in_angstrom(case):
    _, run, _ = case
    lines = product(case, "EXTRACTED_MERGED.txt").read_text().splitlines()
    assert lines[0] == " ".join(name for name, _, _ in MERGED)
    assert re.fullmatch(r"\d+\.\d\d -?\d+\.\d{3} \S+ \S+ -?\d+\.\d\d -?\d+\.\d{3}", lines[1])
    values = np.loadtxt(lines[1:])
    merged = run.result.merged
    np.testing.assert_allclose(values[:, 0], 10 * merged.wavelength_nm, atol=0.006)
    np.testing.assert_allclose(values[:, 1], merged.flux, atol=6e-4)
    np.testing.assert_allclose(values[:, 2], merged.variance, rtol=1e-6)
    np.testing.assert_allclose(values[:, 5], merged.density, atol=6e-4)  # per nm


def test_flux_calibrated(case):
    _, run, _ = case
    with fits.open(product(case, "FLUXCAL.fits"), checksum=True) as hdus:
        assert columns_of(hdus[1]) == [
            ("WAVE", "D", "nm"),
            ("FLUX_CALIBRATED", "D", FLUX),
            ("FLUX_CALIBRATED_ERR", "D", FLUX),
            ("QUAL", "J", ""),
            ("WAVE_VAC", "D", "nm"),
        ]
        np.testing.assert_array_equal(hdus[1].data["FLUX_CALIBRATED"], run.result.fluxed.flux)


def test_response_is_read_by_old_and_new_readers(case):
    _, run, _ = case
    if not run.inputs.is_standard:
        pytest.skip("only for standards")
    response = run.result.response
    with fits.open(product(case, "RESP.fits"), checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "", "RESPONSE_SAMPLED", "RESPONSE_BINS", "FLAT_LEVEL", "RESPONSE", "LONG_VALUES"]
        row = hdus[1].data
        assert columns_of(hdus[1]) == [("polyOrder", "K", ""), *((f"c{i}", "D", "") for i in range(3))]
        assert row["polyOrder"][0] == 2
        assert [row[f"c{i}"][0] for i in range(3)] == response.polynomial.tolist()
        curve = np.polyval([row[f"c{i}"][0] for i in range(3)], response.wavelength_nm) * 1e-17
        np.testing.assert_allclose(hdus["RESPONSE_SAMPLED"].data["RESPONSE"], curve)
        header = hdus["RESPONSE_SAMPLED"].header
        assert header["SOXS RESP STAR"] == "LTT7987"
        assert header["SOXS RESP FLATMD5"] == "0" * 32
        assert header["SOXS RESP EXTREM"] is True
        assert (header["SOXS RESP WMIN"], header["SOXS RESP WMAX"]) == response.valid_nm
        assert hdus["RESPONSE_BINS"].data["USED"].dtype == bool
        assert hdus[0].header["ESO PRO RESP BASIS"] == "PER_UNBINNED_PIXEL"
        assert [name for name, _, _ in columns_of(hdus["RESPONSE"])] == ["WAVE", "RESPONSE"]
        factor = 1.0
        if run.inputs.arm.name == "NIR":
            factor = run.inputs.extinction.factor(response.wavelength_nm, response.airmass)
        unbinned = response.response * response.binning[run.inputs.arm.dispersion_index] * factor
        np.testing.assert_allclose(hdus["RESPONSE"].data["RESPONSE"], 1e17 * unbinned)
        assert columns_of(hdus["FLAT_LEVEL"]) == [("ORDER", "K", ""), ("WAVE", "D", "nm"), ("LEVEL", "D", "")]
        assert hdus["FLAT_LEVEL"].data["LEVEL"].tolist() == response.flat_level.level.tolist()


def test_efficiency(case):
    _, run, _ = case
    if not run.inputs.is_standard:
        pytest.skip("only for standards")
    with fits.open(product(case, "EFFICIENCY.fits"), checksum=True) as hdus:
        assert columns_of(hdus[1])[:2] == [("WAVE", "D", "nm"), ("EFFICIENCY", "D", "")]
        np.testing.assert_array_equal(hdus[1].data["EFFICIENCY_NO_EXTINCTION"], run.result.efficiency.above_atmosphere)


def test_object_trace(case):
    _, run, _ = case
    a, b = run.inputs.arm.slit_axis, run.inputs.arm.dispersion_axis
    with fits.open(product(case, "OBJTRACE.fits"), checksum=True) as hdus:
        row = hdus[1].data
        names = hdus[1].columns.names
        i_max, j_max = int(row["degorder_cent"][0]), int(row[f"deg{b}_cent"][0])
        wanted = [f"cent_{i}{j}" for i in range(i_max + 1) for j in range(j_max + 1)]
        assert names[: 2 + len(wanted)] == ["degorder_cent", f"deg{b}_cent", *wanted]
        assert names[2 + len(wanted) : 4 + len(wanted)] == ["degorder_std", f"deg{b}_std"]
        assert columns_of(hdus[2]) == [
            ("order", "D", ""), (f"{b}min", "K", "pix"), (f"{b}max", "K", "pix"), (f"{a}min", "D", "pix"), (f"{a}max", "D", "pix"),
        ]  # fmt: skip
        assert len(hdus["SOURCES"].data) == 2
        for entry in run.result.trace.orders.values():
            value = sum(
                row[f"cent_{i}{j}"][0] * float(entry.order) ** i * entry.b_px.astype(float) ** j
                for i in range(i_max + 1)
                for j in range(j_max + 1)
            )
            np.testing.assert_allclose(value, entry.a_px, atol=1e-6)


def test_headers(case):
    _, run, published = case
    arm = run.inputs.arm.name
    for path in (record.path for record in published.products if record.file_type == "FITS" and record.label != "LACOSMIC_MASK"):
        header = fits.getheader(path)
        kind = next(
            suffix for suffix in sorted([*CATEGORY, "SKYSUB", "SKYMODEL", "SKYSUB_RESIDUALS"], key=len) if path.stem.endswith(f"_{suffix}")
        )
        assert header["ESO PRO TYPE"] == "REDUCED"
        assert header["ESO SEQ ARM"] == arm
        assert header["DATE"] == MADE_AT
        assert header["SXSPRE"] == MADE_AT
        if kind in CATEGORY:
            assert header["ESO PRO CATG"] == f"{CATEGORY[kind]}_{arm}"
            assert header["ESO PRO TECH"] == "ECHELLE,SLIT"
            assert "ESO DET READ CURID" not in header
        else:
            assert header["ESO DET READ CURID"] == 1
        assert not [keyword for keyword in header if keyword.startswith("ESO DPR")]
        assert "ARCFILE" not in header
        assert header["RADESYS"] == "FK5"
        assert header["ESO PRO REC1 ID"] == run.provenance.recipe
        assert header["ESO PRO REC1 PIPE ID"].startswith("soxspipe/v")
        assert header["ESO PRO REC1 RAW1 NAME"] == f"raw_{arm}_0.fits"
        assert header["ESO PRO REC1 CAL2 CATG"] == f"MASTER_FLAT_{arm}"
        assert header["ESO PRO REC1 CAL2 DATAMD5"] == f"{1:032x}"
        names = [header[f"ESO PRO REC1 PARAM{i} NAME"] for i in range(1, len(run.provenance.parameters) + 1)]
        assert names == [card_text(f"ESO PRO REC1 PARAM{i} NAME", name) for i, (name, _) in enumerate(run.provenance.parameters, 1)]
        if kind != "SPECTRUM_1D":
            in_full = fits.getdata(path, "LONG_VALUES")["VALUE"].tolist()
            assert "horne-extraction-profile-clipping-iteration-count" in in_full  # not cut to 40 characters
        assert header["ESO QC SNR MEDIAN"] == pytest.approx(np.median(run.result.merged.snr))


def test_qc_cards_are_numbers_or_names_with_unit_and_comment(case):
    header = fits.getheader(product(case, "EXTRACTED_MERGED.fits"))
    cards = [card for card in header.cards if card.keyword.startswith("ESO QC")]
    assert len(cards) > 25
    named = ("SOURCE", "SKY TUNING", "EXTRACT METHOD")  # text in the reference as well
    for card in cards:
        assert isinstance(card.value, str if any(word in card.keyword for word in named) else int | float)
        assert not isinstance(card.value, bool)
        assert card.comment
    assert header.comments["ESO QC INNER ORDER PIX MEAN"].startswith("[e-]")
    order = "OU" if header["ESO SEQ ARM"] == "VIS" else "O12"
    assert header[f"ESO QC SNR MEDIAN {order}"] != header["ESO QC SNR MEDIAN"]


def test_every_table_column_has_a_unit_card_that_astropy_understands(case):
    _, _, published = case
    for path in (record.path for record in published.products if record.file_type == "FITS"):
        with fits.open(path) as hdus:
            for hdu in hdus[1:]:
                if isinstance(hdu, fits.BinTableHDU):
                    for i in range(1, hdu.header["TFIELDS"] + 1):
                        u.Unit(hdu.header[f"TUNIT{i}"], format="fits")


def test_spectrum_1d_opens_as_a_table_with_units(case):
    _, run, _ = case
    path = product(case, "SPECTRUM_1D.fits")
    table = Table.read(path)  # any warning would be an error here
    assert len(table) == 1
    assert table.colnames == ["WAVE", "FLUX", "ERR", "QUAL", "WAVE_VAC"]
    assert table["WAVE"].unit == u.nm
    assert table["FLUX"].unit == table["ERR"].unit == u.Unit("erg s-1 cm-2 Angstrom-1")
    np.testing.assert_array_equal(table["FLUX"][0], run.result.fluxed.flux)
    header = fits.getheader(path, "SPECTRUM")
    assert [header[f"TUTYP{i}"] for i in range(1, 5)] == [
        "Spectrum.Data.SpectralAxis.Value", "Spectrum.Data.FluxAxis.Value", "Spectrum.Data.FluxAxis.Accuracy.StatError",
        "Spectrum.Data.FluxAxis.Accuracy.QualityStatus",
    ]  # fmt: skip
    assert header["TUCD1"] == "em.wl;obs.atmos"
    assert header["NELEM"] == table["WAVE"].shape[1]
    assert (header["TDMIN1"], header["TDMAX1"]) == (table["WAVE"].min(), table["WAVE"].max())


def test_spectrum_1d_has_the_keywords_of_a_science_product(case):
    _, run, _ = case
    with fits.open(product(case, "SPECTRUM_1D.fits"), checksum=True) as hdus:
        header, merged = hdus[0].header, run.result.merged
        assert header["PRODCATG"] == "SCIENCE.SPECTRUM"
        assert header["FLUXCAL"] == "ABSOLUTE"
        assert (header["WAVELMIN"], header["WAVELMAX"]) == (round(merged.wavelength_nm[0], 2), round(merged.wavelength_nm[-1], 2))
        assert header["SPEC_BIN"] == pytest.approx(run.inputs.arm.merge_step_nm)
        assert header["SPEC_RES"] == run.inputs.arm.resolving_power_1arcsec
        assert header["SNR"] == pytest.approx(np.median(merged.snr))
        assert header["PROG_ID"] == "0115.D-1234(A)"
        assert header["OBID1"] == 1012
        assert header["TEXPTIME"] == 300.0
        assert header["MJD-END"] == pytest.approx(max(raw.observation.mjd for raw in run.inputs.raw) + 300 / 86400)
        assert header["REFERENC"] == ""
        table = hdus["SPECTRUM"].header
        assert table["TELAPSE"] == pytest.approx((header["MJD-END"] - header["MJD-OBS"]) * 86400)
        assert table["TMID"] == pytest.approx(0.5 * (header["MJD-END"] + header["MJD-OBS"]))
        assert header["PROV1"] == f"raw_{run.inputs.arm.name}_0.fits"


def test_spectrum_1d_is_a_science_data_product(case):
    assert broken_rules(product(case, "SPECTRUM_1D.fits")) == ()


@pytest.mark.parametrize("suffix", ["EXTRACTED_ORDERS.fits", "EXTRACTED_MERGED.fits", "FLUXCAL.fits"])
def test_every_column_of_a_spectrum_says_what_it_is(case, suffix):
    """In words of the Virtual Observatory's list (UCD1+), which astropy has."""
    header = fits.getheader(product(case, suffix), 1)
    words = [header.get(f"TUCD{i}", "") for i in range(1, header["TFIELDS"] + 1)]
    assert [word for word in words if not check_ucd(word, check_controlled_vocabulary=True)] == []


def test_wavelengths_say_their_medium_and_frame(case):
    for suffix in ("SPECTRUM_1D.fits", "FLUXCAL.fits", "EXTRACTED_MERGED.fits", "EXTRACTED_ORDERS.fits"):
        header = fits.getheader(product(case, suffix))
        assert header["SPECSYS"] == "TOPOCENT"
        assert header["SOXS WAVE MEDIUM"] == "air"
        assert abs(header["SOXS BARY VEL"]) < 31.0  # km/s, the Earth's speed
        assert header["SOXS BARY BJD"] == pytest.approx(header["MJD-AVG"] + 2400000.5, abs=0.007)  # days, light travel time of 1.02 au
        assert header["MJD-OBS"] < header["MJD-AVG"] < header["MJD-END"]


def test_no_value_is_longer_than_a_card(case):
    _, _, published = case
    for record in published.products:
        if record.file_type == "FITS":
            assert b"CONTINUE  '" not in record.path.read_bytes(), record.path.name


def test_images_of_the_spectrum_carry_a_mask(case):
    _, run, _ = case
    with fits.open(product(case, "SPECTRUM_1D_IMAGE.fits"), checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[:5]] == ["PRIMARY", "FLUX", "STD", "QUALITY", "FLAGS"]
        assert hdus["FLUX"].header["CTYPE1"] == "AWAV"
        np.testing.assert_array_equal(hdus["FLAGS"].data, run.result.fluxed.quality)
        np.testing.assert_array_equal(hdus["QUALITY"].data, (run.result.fluxed.quality & int(MASKED)) != 0)


@pytest.mark.parametrize("suffix", ["SPECTRUM_1D_IMAGE.fits", "FLUXCAL.fits", "EXTRACTED_MERGED.fits"])
def test_specutils_reads_spectra_without_a_plug_in(case, suffix):
    specutils = pytest.importorskip("specutils")
    reader = getattr(specutils, "Spectrum", None) or specutils.Spectrum1D
    _, run, _ = case
    spectrum = reader.read(product(case, suffix))
    assert spectrum.spectral_axis.unit == (u.m if "IMAGE" in suffix else u.nm)  # the world coordinates of AWAV are metres
    np.testing.assert_allclose(spectrum.spectral_axis.to_value(u.nm), run.result.merged.wavelength_nm, atol=1e-6)
    wanted = u.ct if "MERGED" in suffix else u.Unit("erg s-1 cm-2 Angstrom-1")
    assert spectrum.flux.unit == wanted
    error = np.sqrt(run.result.merged.variance) if "MERGED" in suffix else run.result.fluxed.error
    np.testing.assert_allclose(spectrum.uncertainty.array, error)
    if "IMAGE" in suffix:
        np.testing.assert_array_equal(spectrum.mask, (run.result.fluxed.quality & int(MASKED)) != 0)


def test_without_a_response_the_spectrum_is_in_counts(tmp_path):
    from dataclasses import replace

    run = make_stare_run("NIR")
    run = replace(run, result=replace(run.result, fluxed=None, response=None))
    published = publish_stare(run, tmp_path, StepTimer())
    path = next(record.path for record in published.products if record.label == "SPECTRUM_1D")
    assert Table.read(path)["FLUX"].unit == u.ct
    assert fits.getheader(path)["FLUXCAL"] == "UNCALIBRATED"
    assert published.final.name.endswith("_EXTRACTED_MERGED.fits")


def test_a_frame_without_an_object_is_flagged_and_has_limits(tmp_path):
    run = make_stare_run("NIR", forced=True)
    published = publish_stare(run, tmp_path, StepTimer())
    paths = {record.label: record.path for record in published.products}
    merged = Table.read(paths["EXTRACTED_MERGED_TABLE"], hdu=1)
    np.testing.assert_allclose(merged["LIMIT_3SIGMA"], 3 * np.sqrt(run.result.merged.variance))
    assert merged["LIMIT_3SIGMA"].unit == u.ct
    header = fits.getheader(paths["EXTRACTED_MERGED_TABLE"])
    assert header["SOXS FORCED"] is True
    assert header["ESO QC TRACE FORCED"] == 1
    fluxed = Table.read(paths["EXTRACTED_FLUXCAL_SPECTRUM"], hdu=1)
    np.testing.assert_allclose(fluxed["LIMIT_3SIGMA"], 3 * fluxed["FLUX_CALIBRATED_ERR"])


def test_hostile_header_text_does_no_harm(tmp_path):
    evil = (
        ("OBJECT", "<script>\x00\x1b]0;x\x07\r\nSIMPLE  =  F", ""),
        ("ESO OBS NAME", "'" * 300, "\n"),
        ("BAD=KEY", "caf\u00e9", ""),
        ("", "x", ""),
    )
    run = make_stare_run("NIR", header=evil)
    published = publish_stare(run, tmp_path, StepTimer())
    with fits.open(published.final, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["OBJECT"] == "<script>??]0;x?  SIMPLE  =  F"
        assert hdus[0].header["ESO OBS NAME"].startswith("'" * 20)
        assert "'" * 300 in hdus["LONG_VALUES"].data["VALUE"].tolist()
