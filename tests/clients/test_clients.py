"""Programs of other people read our spectra: values, units, errors, mask.  Those that are not installed are skipped (`nox -s clients` has them)."""

import numpy as np
import pytest
from astropy import units as u

from soxspipe.datamodel.flags import MASKED
from soxspipe.reductions.progress import StepTimer
from support.runs import make_stare_run, publish_stare

FLUX_UNIT = u.Unit("erg s-1 cm-2 Angstrom-1")

pytestmark = pytest.mark.filterwarnings("default")  # the warnings of other packages are theirs


@pytest.fixture(scope="module", params=["NIR", "VIS"])
def spectrum(request, tmp_path_factory):
    """Paths of the products by label, and the values behind them."""
    run = make_stare_run(request.param)
    published = publish_stare(run, tmp_path_factory.mktemp(request.param), StepTimer())
    return {record.label: record.path for record in published.products}, run.result


def test_specutils_images_with_mask(spectrum):
    specutils = pytest.importorskip("specutils")
    paths, result = spectrum
    found = specutils.Spectrum.read(paths["SPECTRUM_1D_IMAGE"])
    np.testing.assert_allclose(found.spectral_axis.to_value(u.nm), result.fluxed.wavelength_nm, atol=1e-6)
    np.testing.assert_array_equal(found.flux.to_value(FLUX_UNIT), result.fluxed.flux)
    np.testing.assert_array_equal(found.uncertainty.array, result.fluxed.error)
    np.testing.assert_array_equal(found.mask, (result.fluxed.quality & int(MASKED)) != 0)


def test_specutils_orders_one_by_one(spectrum):
    specutils = pytest.importorskip("specutils")
    paths, result = spectrum
    for order in result.orders:
        found = specutils.Spectrum.read(paths["EXTRACTED_ORDERS_TABLE"], hdu=f"ORDER_{order.label}", format="tabular-fits")
        assert found.flux.unit == u.ct
        np.testing.assert_allclose(found.spectral_axis.to_value(u.nm), order.wavelength_nm)
        np.testing.assert_array_equal(found.flux.value, order.flux)
        np.testing.assert_allclose(found.uncertainty.array, np.sqrt(order.variance))


def test_linetools(spectrum):
    io = pytest.importorskip("linetools.spectra.io")
    paths, result = spectrum
    found = io.readspec(str(paths["SPECTRUM_1D"]))
    known = result.fluxed.error > 0
    np.testing.assert_allclose(found.wavelength.to_value(u.nm)[: known.size], result.fluxed.wavelength_nm, rtol=1e-6)
    np.testing.assert_allclose(found.flux.value[known], result.fluxed.flux[known], rtol=1e-6)


def test_pyspeckit(spectrum):
    pyspeckit = pytest.importorskip("pyspeckit")
    from astropy.table import Table

    paths, result = spectrum
    table = Table.read(paths["EXTRACTED_FLUXCAL_SPECTRUM"], hdu=1)
    found = pyspeckit.Spectrum(
        xarr=np.asarray(table["WAVE"]), data=np.asarray(table["FLUX_CALIBRATED"]), error=np.asarray(table["FLUX_CALIBRATED_ERR"]),
        xarrkwargs={"unit": "nm"}, unit=str(FLUX_UNIT),
    )  # fmt: skip
    np.testing.assert_allclose(found.xarr.to_value(u.nm), result.fluxed.wavelength_nm, atol=0.006)
    np.testing.assert_array_equal(np.asarray(found.data), result.fluxed.flux)
    np.testing.assert_array_equal(np.asarray(found.error), result.fluxed.error)


def test_pyastronomy_agrees_on_the_barycentric_velocity(spectrum):
    asl = pytest.importorskip("PyAstronomy.pyasl")
    from astropy.io import fits

    paths, _ = spectrum
    header = fits.getheader(paths["EXTRACTED_FLUXCAL_SPECTRUM"])
    velocity, _ = asl.helcorr(-70.7345, -29.2584, 2375.0, header["RA"], header["DEC"], header["MJD-AVG"] + 2400000.5)
    assert header["SOXS BARY VEL"] == pytest.approx(velocity, abs=0.05)  # km/s; helcorr goes to the Sun, and to the equinox of date


def test_sncosmo_takes_the_text(spectrum):
    """The text of the calibrated spectrum is what supernova classifiers read: Angstrom, flux per Angstrom, error."""
    sncosmo = pytest.importorskip("sncosmo")
    paths, result = spectrum
    wave, flux, error = np.loadtxt(paths["EXTRACTED_FLUXCAL_ASCII"], unpack=True, usecols=(0, 1, 2))
    found = sncosmo.Spectrum(wave, flux, error, wave_unit=u.AA, unit=FLUX_UNIT)
    at = np.searchsorted(result.fluxed.wavelength_nm, 0.1 * np.asarray(found.wave) - 1e-4)
    np.testing.assert_allclose(np.asarray(found.wave), 10.0 * result.fluxed.wavelength_nm[at], atol=0.06)
    np.testing.assert_allclose(np.asarray(found.flux), result.fluxed.flux[at], rtol=1e-3)
    np.testing.assert_allclose(np.asarray(found.fluxerr), result.fluxed.error[at], rtol=1e-3)


def test_ppxf_finds_no_velocity_between_a_spectrum_and_itself(spectrum):
    pytest.importorskip("ppxf")
    from astropy.io import fits
    from ppxf.ppxf import ppxf
    from ppxf.ppxf_util import log_rebin

    paths, _ = spectrum
    with fits.open(paths["SPECTRUM_1D_IMAGE"]) as hdus:
        flux, error, masked = hdus["FLUX"].data.astype(float), hdus["STD"].data.astype(float), hdus["QUALITY"].data != 0
        axis = hdus["FLUX"].header
    wave = axis["CRVAL1"] + axis["CDELT1"] * np.arange(flux.size)
    level = float(np.median(flux[~masked]))
    values, _, velscale = log_rebin(wave[[0, -1]], np.where(masked, level, flux) / level)
    noise = np.full(values.size, float(np.median(error[~masked])) / level)
    found = ppxf(values, values, noise, velscale, [0.0, 3 * velscale], moments=2, degree=-1, quiet=True)
    assert abs(found.sol[0]) < velscale


def test_jdaviz_loads_values_units_errors_and_mask(spectrum):
    jdaviz = pytest.importorskip("jdaviz")
    paths, result = spectrum
    viz = jdaviz.Specviz()
    viz.load(str(paths["SPECTRUM_1D_IMAGE"]), format="1D Spectrum", data_label="ours")
    found = viz.get_data("ours")
    np.testing.assert_allclose(found.spectral_axis.to_value(u.nm), result.fluxed.wavelength_nm, atol=1e-6)
    np.testing.assert_array_equal(found.flux.to_value(FLUX_UNIT), result.fluxed.flux)
    np.testing.assert_array_equal(found.uncertainty.array, result.fluxed.error)
    # jdaviz 5.0.2 keeps the mask beside the flux; its `get_data` leaves it out
    mask = viz.app.data_collection["ours"]["mask"]
    np.testing.assert_array_equal(mask != 0, (result.fluxed.quality & int(MASKED)) != 0)


def test_lime_reads_the_text(spectrum):
    """Its reader takes the fourth column for a mask: each sample with a flag, those in telluric bands included."""
    lime = pytest.importorskip("lime")
    paths, result = spectrum
    text = paths["EXTRACTED_FLUXCAL_ASCII"]
    found = lime.Spectrum.from_file(text, instrument="text", redshift=0.0)
    listed = np.loadtxt(text)
    assert (found.units_wave, found.units_flux) == (u.AA, FLUX_UNIT)
    np.testing.assert_array_equal(found.wave.data, listed[:, 0])
    np.testing.assert_allclose(found.flux.data * found.norm_flux, listed[:, 1])
    np.testing.assert_allclose(found.err_flux.data * found.norm_flux, listed[:, 2])
    at = np.searchsorted(result.fluxed.wavelength_nm, 0.1 * listed[:, 0] - 1e-4)
    np.testing.assert_array_equal(found.flux.mask, result.fluxed.quality[at] != 0)


def test_lime_takes_the_image_with_its_mask(spectrum):
    lime = pytest.importorskip("lime")
    from astropy.io import fits

    paths, result = spectrum
    with fits.open(paths["SPECTRUM_1D_IMAGE"]) as hdus:
        flux, error, masked = (hdus[name].data for name in ("FLUX", "STD", "QUALITY"))
    found = lime.Spectrum(
        result.fluxed.wavelength_nm, flux, error, redshift=0.0, units_wave="nm", units_flux=str(FLUX_UNIT), pixel_mask=masked != 0
    )
    assert (found.units_wave, found.units_flux) == (u.nm, FLUX_UNIT)
    np.testing.assert_allclose(found.flux.data * found.norm_flux, result.fluxed.flux)
    np.testing.assert_allclose(found.err_flux.data * found.norm_flux, result.fluxed.error)
    np.testing.assert_array_equal(found.flux.mask, (result.fluxed.quality & int(MASKED)) != 0)


def test_snid_sage_reads_the_text(spectrum):
    """It has neither errors nor a mask; snid-sage 1.2.5 takes the first sample, whose exponent holds a letter, for names of columns."""
    loader = pytest.importorskip("snid_sage.shared.utils.data_io.spectrum_loader")
    paths, _ = spectrum
    wave, flux = loader.load_spectrum(str(paths["EXTRACTED_FLUXCAL_ASCII"]))
    listed = np.loadtxt(paths["EXTRACTED_FLUXCAL_ASCII"])[-wave.size :]
    assert wave.size >= len(np.loadtxt(paths["EXTRACTED_FLUXCAL_ASCII"])) - 1
    np.testing.assert_array_equal(wave, listed[:, 0])
    np.testing.assert_array_equal(flux, listed[:, 1])


def test_snid_sage_guesses_the_unit_of_a_fits_table(spectrum):
    """It reads no unit: nm are known as such below 1000 alone, so the near infrared comes out ten times too short.  The text is right in both arms."""
    loader = pytest.importorskip("snid_sage.shared.utils.data_io.spectrum_loader")
    paths, result = spectrum
    wave, flux = loader.load_spectrum(str(paths["SPECTRUM_1D"]))
    unit = 10.0 if result.fluxed.wavelength_nm[-1] < 1000.0 else 1.0
    np.testing.assert_allclose(wave, unit * result.fluxed.wavelength_nm, rtol=1e-6)
    np.testing.assert_allclose(flux, result.fluxed.flux, rtol=1e-6)


def test_snid_sage_prepares_a_spectrum_of_its_range(spectrum):
    """What comes before the comparison with templates, which have to be fetched and are left out here; its grid ends at 1 micron."""
    snid = pytest.importorskip("snid_sage.snid.snid")
    paths, result = spectrum
    limits = 10.0 * result.fluxed.wavelength_nm[[0, -1]]
    if limits[0] > 10000.0:
        pytest.skip("the whole of this spectrum is beyond its grid")
    ready, _ = snid.preprocess_spectrum(spectrum_path=str(paths["EXTRACTED_FLUXCAL_ASCII"]))
    used = ready["log_wave"][ready["nonzero_mask"]]
    np.testing.assert_allclose(used[[0, -1]], limits, rtol=3e-3)  # two steps of its grid
    assert np.all(np.isfinite(ready["tapered_flux"]))


def test_ngsf_reads_the_text(spectrum):
    """What its fit begins with; NGSF 0.0.2 bins with a function that numpy has no more, and its templates have to be fetched."""
    binnings = pytest.importorskip("NGSF.Header_Binnings")
    paths, _ = spectrum
    found = binnings.kill_header(str(paths["EXTRACTED_FLUXCAL_ASCII"]))
    np.testing.assert_array_equal(found, np.loadtxt(paths["EXTRACTED_FLUXCAL_ASCII"], usecols=(0, 1)))
