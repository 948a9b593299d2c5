"""Every way in which frames may be given, taken and calibrated reduces, and gives the spectrum it should.

All but the tests marked slow run on the small detectors of `support.small`.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits

from soxspipe.cli.app import run
from soxspipe.reductions.simulate import simulate_dataset
from support.inputs import edit_header, raw_header, write_response_table
from support.lzw import compress
from support.small import Kit, small_detectors, write_small

Columns = Mapping[str, Any]
STARE_SETTINGS = {"make_plots": False}


@dataclass(frozen=True)
class Products:
    """What one run of the command left behind."""

    folder: Path
    said: str

    def path(self, ending: str) -> Path:
        (found,) = self.folder.rglob(f"*{ending}")
        return found

    def has(self, ending: str) -> bool:
        return bool(list(self.folder.rglob(f"*{ending}")))

    def table(self, ending: str) -> Columns:
        with fits.open(self.path(ending), checksum=True) as hdus:
            hdus.verify("exception")
            return {name: np.array(hdus[1].data[name]) for name in hdus[1].columns.names}

    @cached_property
    def merged(self) -> Columns:
        return self.table("_EXTRACTED_MERGED.fits")

    @property
    def header(self) -> fits.Header:
        return fits.getheader(self.path("_EXTRACTED_MERGED.fits"))

    @property
    def level(self) -> float:
        """Median electrons per pixel."""
        return float(np.median(self.merged["FLUX_COUNTS"]))


Reduce = Callable[..., Products]


@pytest.fixture
def reduce(tmp_path: Path, capsys: pytest.CaptureFixture[str], small: None) -> Reduce:
    """Run the command on the small detectors; it must end well."""
    count = iter(range(100))

    def reduced(inputs: object, *options: str, verb: str = "stare", status: int = 0, **settings: object) -> Products:
        folder = tmp_path / f"out{next(count)}"
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(STARE_SETTINGS | settings))
        files = [str(path) for path in inputs] if isinstance(inputs, list) else [str(inputs)]
        assert run([verb, *files, "-o", str(folder), "-s", str(tmp_path / "settings.yaml"), *options]) == status
        out, err = capsys.readouterr()
        return Products(folder, out + err)

    return reduced


@pytest.fixture
def vis(small_kit, tmp_path: Path) -> Kit:
    """A science target in VIS, free to be changed."""
    return small_kit().copy(tmp_path / "vis")


@pytest.fixture
def nir(small_kit, tmp_path: Path) -> Kit:
    """A science target in NIR, free to be changed."""
    return small_kit(arm="NIR").copy(tmp_path / "nir")


@pytest.fixture(scope="module")
def usual(small_kit, tmp_path_factory) -> Callable[[str], Products]:
    """The science targets reduced as they are, by arm."""
    known: dict[str, Products] = {}

    def products(arm: str = "VIS") -> Products:
        if arm not in known:
            folder = tmp_path_factory.mktemp("usual")
            (folder / "settings.yaml").write_text(yaml.safe_dump(STARE_SETTINGS))
            with small_detectors():
                assert run(["stare", str(small_kit(arm=arm).sof), "-o", str(folder / "out"), "-s", str(folder / "settings.yaml")]) == 0
            known[arm] = Products(folder / "out", "")
        return known[arm]

    return products


def same_spectrum(found: Products, wanted: Products) -> None:
    for name, values in wanted.merged.items():
        np.testing.assert_array_equal(found.merged[name], values)


def close_spectrum(found: Products, wanted: Products, *, sigma: float = 4.0) -> None:
    """The same spectrum within its errors: no jump of the level, no change of the signal-to-noise ratio beyond a quarter."""
    ours, theirs = found.merged, wanted.merged
    wave, here, there = np.intersect1d(np.round(ours["WAVE"], 3), np.round(theirs["WAVE"], 3), return_indices=True)
    assert wave.size > 0.9 * theirs["WAVE"].size
    difference = ours["FLUX_COUNTS"][here] - theirs["FLUX_COUNTS"][there]
    error = np.sqrt(ours["VARIANCE"][here] + theirs["VARIANCE"][there])
    good = error > 0
    assert abs(np.median(difference[good] / error[good])) < sigma / np.sqrt(wave.size / 5) + 0.2
    assert 0.75 < np.median(ours["SNR"]) / np.median(theirs["SNR"]) < 1.35


# ----- forms of input


def test_directory_and_list_give_the_same_spectrum(vis, usual, reduce):
    (vis.folder / "notes.txt").write_text("cloudy")
    (vis.folder / ".hidden.fits").write_text("not to be read")
    from_folder = reduce(vis.folder)
    from_list = reduce(list(vis.files.values()))
    same_spectrum(from_folder, usual())
    same_spectrum(from_list, usual())
    assert from_folder.path("_EXTRACTED_MERGED.fits").name.startswith("20250302T020000_VIS_1X1_1_STARE_OBJ_SLIT1_0_100_0S_SOXS_SIMULATED")


def test_a_sof_with_comments_blank_lines_and_names_from_elsewhere(vis, usual, reduce, monkeypatch, tmp_path):
    monkeypatch.chdir(vis.folder)
    lines = [f"./{path.name}    OBJECT_VIS" if role != "flat" else f"{path.resolve()}\tMASTER_FLAT_VIS" for role, path in vis.files.items()]
    vis.sof.write_text("# made by hand\n\n" + "\r\n".join(lines))
    same_spectrum(reduce(vis.sof), usual())


def packed(path: Path, form: str) -> None:
    """Replace a file by a packed one."""
    content = path.read_bytes()
    if form == ".gz":
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 1))
    elif form == ".Z":
        path.with_name(f"{path.name}.Z").write_bytes(compress(content))
    else:
        with fits.open(path) as hdus:
            for hdu in hdus:
                hdu.header.set("EXTNAME", hdu.name)  # astropy 6.0 packs no header without it
            tiles = [fits.CompImageHDU(hdu.data, hdu.header, name=hdu.name, compression_type="GZIP_2", quantize_level=0) for hdu in hdus]
            fits.HDUList([fits.PrimaryHDU(), *tiles]).writeto(path.with_name(f"{path.name}.fz"))
    path.unlink()


@pytest.mark.parametrize("form", [".gz", ".Z", ".fz"])
def test_packed_files(vis, usual, reduce, form):
    roles = {".gz": list(vis.files), ".Z": ["raw0", "order_table"], ".fz": ["raw0", "bias", "flat"]}[form]
    for role in roles:
        packed(vis.files[role], form)
    names = sorted(path.name for path in vis.folder.iterdir() if ".fits" in path.name)
    vis.sof.write_text("\n".join(f"{name} OBJECT_VIS" for name in names))
    same_spectrum(reduce(vis.sof), usual())


# ----- calibrations


def off_frame(kit: Kit, gain: float = 2.3) -> Path:
    """An off-frame with the dark current of the set's master dark."""
    with fits.open(kit.files["raw0"]) as raw, fits.open(kit.files["dark"]) as dark:
        header = raw[0].header.copy()
        header["ESO DPR TECH"] = "IMAGE"
        noise = np.random.default_rng(3).normal(0.0, 7.3 / gain, dark[0].data.shape)
        adu = np.clip(np.rint(dark[0].data / gain + noise), 0, 65535).astype(np.uint16)
        fits.PrimaryHDU(adu, header).writeto(kit.folder / "off.fits")
    return kit.folder / "off.fits"


def test_an_off_frame_in_the_place_of_the_dark(nir, usual, reduce):
    found = reduce(nir.write_sof("dark", extra=(off_frame(nir),)))
    close_spectrum(found, usual("NIR"))
    assert "an off-frame takes the place of the master dark" in found.said
    categories = [value for keyword, value in found.header.items() if keyword.startswith("ESO PRO REC1 CAL") and keyword.endswith("CATG")]
    assert "OBJECT_NIR" in categories


@pytest.mark.parametrize("way", ["none given", "use_flat"])
def test_no_flat(vis, usual, reduce, way):
    found = reduce(vis.write_sof("flat")) if way == "none given" else reduce(vis.sof, use_flat=False)
    assert ("no master flat is given" in found.said) == (way == "none given")
    ratio = found.merged["SNR"] / usual().merged["SNR"]
    assert 0.9 < np.median(ratio) < 1.1
    assert not any("MASTER_FLAT" in str(value) for value in found.header.values())


@pytest.mark.parametrize("seconds", [100.0, 400.0])
def test_vis_dark_of_the_same_and_of_another_exposure_time(small_kit, reduce, seconds):
    found = reduce(small_kit(with_dark=True, dark_exptime_s=seconds, dark_e_per_s=1.0).sof)
    assert ("is scaled" in found.said) == (seconds != 100.0)
    assert found.level == pytest.approx(reduce(small_kit().sof).level, rel=0.04)
    sky = fits.getdata(found.path("_SKYMODEL.fits"))
    assert abs(np.median(sky[sky != 0])) < 20  # of 100 electrons of dark current, and 375 of bias in the dark


def test_masters_without_errors_quality_or_names(vis, usual, reduce):
    for role in ("bias", "flat"):
        path = vis.own(role)
        with fits.open(path) as hdus:
            del hdus[0].header["EXTNAME"], hdus[0].header["SXSPRE"]
            hdus[0].writeto(path, overwrite=True)
    close_spectrum(reduce(vis.sof), usual())


def test_without_the_dispersion_image(vis, usual, reduce):
    found = reduce(vis.write_sof("disp_image"))
    close_spectrum(found, usual())
    assert "the dispersion table is evaluated instead" in found.said


def test_an_order_table_without_edges(vis, usual, reduce):
    path = vis.own("order_table")
    with fits.open(path) as hdus:
        table = hdus[1]
        kept = [column for column in table.columns if "edge" not in column.name]
        fits.HDUList([hdus[0], fits.BinTableHDU.from_columns(kept), hdus[2]]).writeto(path, overwrite=True)
    close_spectrum(reduce(vis.sof), usual())


# ----- steps that can be switched off


def test_no_sky_subtraction(vis, reduce):
    found = reduce(vis.sof, subtract_sky=False)
    assert not found.has("_SKYMODEL.fits")
    assert not np.any(found.merged["SKY_COUNTS"])
    assert np.all(np.isfinite(found.merged["FLUX_COUNTS"]))


def test_no_background(vis, usual, reduce):
    close_spectrum(reduce(vis.sof, subtract_background=False), usual(), sigma=30)


def test_no_cosmic_ray_search(vis, usual, reduce):
    close_spectrum(reduce(vis.sof, use_lacosmic=False), usual())


# ----- read-out


@pytest.mark.parametrize(
    ("binning", "seed"),
    [([1, 1], 1), ([2, 1], 1), ([1, 2], 1), ([2, 2], 1), ([2, 2], 2)],
    ids=lambda value: f"{value[0]}x{value[1]}" if isinstance(value, list) else str(value),
)
def test_vis_binnings(small_kit, usual, reduce, binning, seed):
    found = reduce(small_kit(binning=binning, seed=seed).sof)
    total = np.sum(found.merged["FLUX_DENSITY_COUNTS"])
    assert total == pytest.approx(np.sum(usual().merged["FLUX_DENSITY_COUNTS"]), rel=0.03)
    trace = found.table("_EXTRACTED_ORDERS.fits")
    assert np.median(trace["xcoord_centre"]) == pytest.approx(
        (np.median(usual().table("_EXTRACTED_ORDERS.fits")["xcoord_centre"]) + 0.5) / binning[0] - 0.5, abs=0.3
    )


@pytest.mark.parametrize("keyword", ["ESO__DET__OUT1__CONAD", "ESO__DET__OUT1__GAIN"])
def test_gain_from_either_keyword(vis, usual, reduce, keyword):
    for role in ("raw0", "bias", "flat"):
        edit_header(vis.files[role], **{keyword: None})
    same_spectrum(reduce(vis.sof), usual())


def test_nodding_offset_in_a_stare_header_is_ignored(vis, usual, reduce):
    edit_header(vis.files["raw0"], ESO__SEQ__CUMOFF__Y=2.0)
    found = reduce(vis.sof)
    same_spectrum(found, usual())
    assert found.has("_EXTRACTED_MERGED.txt")


def test_a_blocking_filter(small_kit, reduce):
    kit = small_kit(arm="NIR", blocking_filter=True)
    assert reduce(kit.sof).level > 0


# ----- exposures


def test_exposures_out_of_order(small_kit, tmp_path, reduce):
    kit = small_kit(exposures=3, seeing_arcsec=[0.8, 1.1, 0.9])
    sorted_well = reduce(kit.sof)
    turned = kit.copy(tmp_path / "turned")
    turned.write_sof("raw0", "raw1", "raw2", extra=tuple(turned.files[f"raw{i}"] for i in (2, 0, 1)))
    again = reduce(turned.sof)
    same_spectrum(again, sorted_well)
    assert [again.header[f"ESO PRO REC1 RAW{i} NAME"] for i in (1, 2, 3)] == [f"raw_VIS_sci_{i}.fits" for i in range(3)]


def test_exposures_of_different_length(small_kit, tmp_path, usual, reduce):
    kit = small_kit().copy(tmp_path / "two")
    longer = kit.folder / "longer.fits"
    shutil.copy(small_kit(exptime_s=200.0).files["raw0"], longer)
    found = reduce(kit.write_sof(extra=(longer,)))
    assert "exposure times differ, 100 to 200 s" in found.said
    assert found.level / 150.0 == pytest.approx(usual().level / 100.0, rel=0.04)  # electrons of the mean exposure


# ----- targets


def test_telluric_standard(vis, usual, reduce):
    edit_header(vis.files["raw0"], ESO__DPR__TYPE="STD,TELLURIC")
    found = reduce(vis.sof)
    same_spectrum(found, usual())
    assert found.header["ESO PRO REC1 RAW1 CATG"] == "STD,TELLURIC_VIS"
    assert "soxs-stare" in {path.name for path in found.folder.rglob("*")}


def test_a_frame_of_the_barycentre_that_the_header_does_not_allow_is_said(vis, reduce):
    edit_header(vis.files["raw0"], RA=None)
    products = reduce(vis.folder, "--frame", "barycentric")
    assert "the header has no position: the spectrum was not written in the frame of the barycentre" in products.said


def test_asynchronous_object(vis, usual, reduce):
    edit_header(vis.files["raw0"], ESO__DPR__TYPE="OBJECT,ASYNC")
    same_spectrum(reduce(vis.sof), usual())


def standard_status(products: Products) -> None:
    """Response, efficiency and flux calibration are there."""
    assert all(products.has(ending) for ending in ("_RESP.fits", "_EFFICIENCY.fits", "_FLUXCAL.fits", "_EXTRACTED_MERGED_NOTFLAT.fits"))


def test_flux_standard_and_its_response_on_a_target(small_kit, vis, tmp_path, reduce):
    standard = reduce(small_kit(target="standard", ab_mag=None).sof, verb="stare_std", status=3)  # three of four orders are not there
    standard_status(standard)
    assert "out of the acceptable range" in standard.said
    calibrated = reduce(vis.write_sof(extra=(standard.path("_RESP.fits"),)))
    flux = calibrated.table("_FLUXCAL.fits")
    wave = flux["WAVE"]
    truth = 10 ** (-0.4 * (16.0 + 48.6)) * 2.99792458e17 / wave**2 * 0.1 * (wave / 550.0) ** 0  # AB 16, constant in frequency, per Angstrom
    clean = (wave > 690) & (wave < 710) | (wave > 735) & (wave < 755)
    ratio = np.median(flux["FLUX_CALIBRATED"][clean] / truth[clean])
    assert 0.85 < ratio < 1.1  # slit losses of target and standard differ little


def test_a_response_of_the_reference_form(vis, usual, reduce):
    table = write_response_table(vis.folder / "resp.fits", raw_header("SOXS", "VIS"), "VIS", [1e-4, -0.1, 90.0])
    found = reduce(vis.write_sof(extra=(table,)))
    flux, merged = found.table("_FLUXCAL.fits"), found.merged
    plain = merged["FLUX_COUNTS"] / 100.0 * np.polyval([1e-4, -0.1, 90.0], merged["WAVE"]) * 1e-17
    ratio = flux["FLUX_CALIBRATED"] / np.where(plain != 0, plain, np.nan)
    assert 1.01 < np.nanmedian(ratio) < 1.12  # extinction at 650 to 750 nm, air mass 1.2
    assert np.nanstd(ratio) < 0.02


def test_a_standard_with_a_response_makes_no_other_and_its_efficiency_is_measured(small_kit, tmp_path, reduce):
    kit = small_kit(target="standard", ab_mag=None).copy(tmp_path / "std")
    table = write_response_table(kit.folder / "resp.fits", raw_header("SOXS", "VIS"), "VIS", [50.0])
    found = reduce(kit.write_sof(extra=(table,)), verb="stare_std", status=3)
    assert found.has("_FLUXCAL.fits")
    assert not found.has("_RESP.fits")
    assert found.has("_EFFICIENCY.fits")
    assert "EFF MEDIAN" not in found.said.partition("out of the acceptable range:")[2]


def test_an_unknown_standard_is_extracted(small_kit, tmp_path, reduce):
    kit = small_kit(target="standard", ab_mag=None).copy(tmp_path / "std")
    edit_header(kit.files["raw0"], OBJECT="HD 12345", ESO__OBS__TARG__NAME="HD 12345", RA=1.0, DEC=1.0)
    found = reduce(kit.sof, verb="stare_std", status=3)
    assert "not in the library" in found.said
    assert found.level > 0
    assert not found.has("_RESP.fits")


def test_a_standard_taken_in_nodding_mode(small_kit, tmp_path, reduce):
    kit = small_kit(target="standard", ab_mag=None).copy(tmp_path / "std")
    edit_header(kit.files["raw0"], ESO__DPR__TECH="ECHELLE,SLIT,NODDING")
    assert "nodding mode" in reduce(kit.sof, status=0).said


def test_the_verb_overrides_the_header_with_a_warning(vis, small_kit, reduce):
    assert "because the command stare_std says so" in reduce(vis.sof, verb="stare_std", status=3).said
    found = reduce(small_kit(target="standard", ab_mag=None).sof, verb="stare")
    assert "because the command stare says so" in found.said
    assert not found.has("_RESP.fits")


def test_no_object_gives_a_forced_extraction_that_says_so(small_kit, reduce):
    found = reduce(small_kit(target="empty").sof)
    assert "no object" in found.said
    assert found.header["ESO QC TRACE FORCED"] == 1
    assert abs(np.median(found.merged["SNR"])) < 1.0


# ----- options


def test_verbose_debug_and_several_options(vis, usual, reduce):
    loud = reduce(vis.sof, "-V", "-d", "--overwrite")
    same_spectrum(loud, usual())
    assert str(loud.folder) in loud.said
    assert "SNR MEDIAN OI" in loud.said.upper()


def test_a_product_that_exists_is_kept(vis, tmp_path, capsys, small):
    arguments = ["stare", str(vis.sof), "-o", str(tmp_path / "out"), "-s", str(tmp_path / "s.yaml")]
    (tmp_path / "s.yaml").write_text("make_plots: false")
    assert run(arguments) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    capsys.readouterr()
    assert run(arguments) == 0
    assert "exists already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    assert run([*arguments, "-x"]) == 0
    product = next((tmp_path / "out").rglob("*_EXTRACTED_MERGED.fits"))
    assert product.stat().st_mtime_ns > before[product]


# ----- keywords that may be missing


OPTIONAL_KEYWORDS = [
    ["ESO__INS__TEMP217__VAL", "ESO__INS__TEMP104__VAL", "ESO__INS__TEMP301__VAL"],
    ["ESO__TEL__AIRM__START"],
    ["ESO__TEL__AIRM__END"],
    ["ESO__TEL__AMBI__FWHM__START", "ESO__TEL__AMBI__FWHM__END"],
    ["OBJECT", "ESO__OBS__TARG__NAME"],
    ["RA", "DEC"],
    ["DATE-OBS"],
    ["MJD-OBS"],
    ["DATE-OBS", "MJD-OBS"],
    ["ESO__INS__VISE__NAME"],
    ["ESO__DET__READ__CURID"],
    ["ESO__DET__BINX", "ESO__DET__BINY"],
    ["ESO__DET__CHIP__RON"],
]


@pytest.mark.parametrize("keywords", OPTIONAL_KEYWORDS, ids=lambda names: names[0].replace("__", " "))
def test_missing_optional_keywords(vis, usual, reduce, keywords):
    edit_header(vis.files["raw0"], **{keyword.replace("-", "_"): None for keyword in keywords})
    found = reduce(vis.sof)
    close_spectrum(found, usual())
    assert found.has("_SPECTRUM_1D.fits")


def test_no_air_mass_at_all_with_a_response(vis, reduce):
    edit_header(vis.files["raw0"], ESO__TEL__AIRM__START=None, ESO__TEL__AIRM__END=None)
    table = write_response_table(vis.folder / "resp.fits", raw_header("SOXS", "VIS"), "VIS", [50.0])
    found = reduce(vis.write_sof(extra=(table,)))
    assert "no air mass" in found.said
    assert found.has("_FLUXCAL.fits")


# ----- X-shooter


@pytest.mark.parametrize("kind", ["target", "standard"])
@pytest.mark.parametrize("arm", ["UVB", "VIS", "NIR"])
def test_xshooter(small_kit, reduce, arm, kind):
    scene = {"target": "standard", "ab_mag": None} if kind == "standard" else {}
    found = reduce(small_kit(instrument="XSHOOTER", arm=arm, **scene).sof, verb="stare_std" if scene else "stare")
    snr = found.merged["SNR"]
    assert np.median(snr[snr != 0]) > 5
    orders = found.table("_EXTRACTED_ORDERS.fits")["order"]
    assert set(np.unique(orders)) <= set(range(11, 31))  # the detector's own numbers
    if kind == "standard":
        standard_status(found)


# ----- whole detectors


FULL = {
    "SOXS NIR": {"arm": "NIR", "exposures": 2, "exptime_s": 300.0, "ab_mag": 17.0},
    "SOXS VIS 1x1": {"arm": "VIS", "ab_mag": 17.0},
    "SOXS VIS 2x1": {"arm": "VIS", "ab_mag": 17.0, "binning": [2, 1]},
    "SOXS VIS 2x2 standard": {"arm": "VIS", "target": "standard", "binning": [2, 2], "exptime_s": 60.0},
    "X-shooter UVB": {"instrument": "XSHOOTER", "arm": "UVB", "ab_mag": 17.0},
    "X-shooter VIS 1x2": {"instrument": "XSHOOTER", "arm": "VIS", "binning": [1, 2], "ab_mag": 17.0},
    "X-shooter NIR": {"instrument": "XSHOOTER", "arm": "NIR", "ab_mag": 17.0},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_whole_detectors(name, tmp_path, capsys):
    sof = simulate_dataset(FULL[name], tmp_path / "set")[0]
    (tmp_path / "s.yaml").write_text("make_plots: false")
    assert run(["stare_std" if "standard" in name else "stare", str(sof), "-o", str(tmp_path / "out"), "-s", str(tmp_path / "s.yaml")]) in (
        0,
        3,
    )
    products = Products(tmp_path / "out", capsys.readouterr().err)
    assert np.median(products.merged["SNR"]) > 3
    assert "no object" not in products.said


def test_the_small_detectors_are_small_in_every_arm(small_kit):
    assert sum(path.stat().st_size for path in small_kit().files.values()) < 3_000_000


def test_write_small_does_not_leave_the_truth_behind(tmp_path):
    assert not list(write_small(tmp_path / "set").folder.glob("truth*"))
