"""Calibration tables to values; what is wrong with a table is named by file and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from soxspipe.errors import InputError
from soxspipe.instruments.registry import find_instrument
from soxspipe.io.calibration_tables import read_dispersion_table, read_order_table, read_response
from soxspipe.io.classify import ClassifiedFile, classify
from soxspipe.io.fits import read_header
from support import inputs as kits

CARDS = kits.raw_header("SOXS", "NIR")
FACTS = find_instrument("SOXS").arms["NIR"]
OPTICS = kits.make_optics("SOXS", "NIR")


def classified(path: Path) -> ClassifiedFile:
    file = classify(path, read_header(path))
    assert file is not None
    return file


def change(path: Path, number: int, edit: Callable[[Table], object]) -> ClassifiedFile:
    """Edit one of the file's tables as an astropy table."""
    with fits.open(path) as hdus:
        table = Table(hdus[number].data)
        edit(table)
        hdus[number] = fits.BinTableHDU(table)
        hdus.writeto(path, overwrite=True)
    return classified(path)


@pytest.fixture
def order_table(tmp_path: Path) -> Path:
    return kits.write_order_table(tmp_path / "order.fits", CARDS, FACTS, OPTICS)


@pytest.fixture
def dispersion_table(tmp_path: Path) -> Path:
    return kits.write_dispersion_table(tmp_path / "disp.fits", CARDS, FACTS, OPTICS)


def test_order_table(order_table: Path) -> None:
    table = read_order_table(classified(order_table))
    assert table.dispersion_axis == "x"
    assert table.orders == OPTICS.orders
    assert table.b_max[10] == 2039.0
    b = np.array([0.0, 500.0])
    np.testing.assert_allclose(table.centre(12, b), OPTICS.a0 + 12 * OPTICS.a1)
    assert table.low is not None
    assert table.high is not None
    np.testing.assert_allclose(table.high(12, b) - table.low(12, b), 36.0)
    assert table.sigma is None


def test_order_table_without_edges(tmp_path: Path) -> None:
    table = read_order_table(classified(kits.write_order_table(tmp_path / "o.fits", CARDS, FACTS, OPTICS, edges=False)))
    assert table.low is None
    assert table.high is None


def test_column_names_in_any_case(order_table: Path) -> None:
    def upper(table: Table) -> None:
        for name in table.colnames:
            table.rename_column(name, name.upper())

    assert read_order_table(change(order_table, 1, upper)).orders == OPTICS.orders


@pytest.mark.parametrize(
    ("number", "edit", "message"),
    [
        (1, lambda t: t.remove_column("cent_11"), "3 columns cent_..., degorder_cent 1 and degx_cent 1 need 4"),
        (1, lambda t: t.remove_column("degorder_cent"), "has no column degorder_cent"),
        (1, lambda t: t.rename_column("degx_cent", "degy_cent"), "column degy_cent is there, degx_cent is needed in arm NIR"),
        (1, lambda t: t.remove_columns(["cent_00", "cent_01", "cent_10", "cent_11"]), "has no columns cent_00"),
        (1, lambda t: t.__setitem__("cent_00", [np.nan]), "column cent_00 is 'nan', a finite number"),
        (1, lambda t: t.__setitem__("degx_cent", [-1]), "column degx_cent is -1, a whole number from 0 to 9"),
        (1, lambda t: t.__setitem__("degx_cent", [10**9]), "column degx_cent is 1e.09, a whole number from 0 to 9"),
        (1, lambda t: t.__setitem__("cent_00", ["a"]), "column cent_00 is 'a', a finite number"),
        (1, lambda t: t.remove_row(0), "table 1 has no rows"),
        (2, lambda t: t.remove_column("xmin"), "has no column xmin"),
        (2, lambda t: t.__setitem__("order", [10.5] * 15), "column order holds .*order numbers from 1 to 99"),
        (2, lambda t: t.__setitem__("order", [10.0] * 15), "column order lists 15 orders, 1 of them different"),
        (2, lambda t: t.__setitem__("xmax", [-5.0] * 15), "order 10 runs from xmin 0 to xmax -5"),
        (2, lambda t: t.__setitem__("xmax", [1e9] * 15), "order 10 runs from xmin 0 to xmax 1e.09"),
        (2, lambda t: t.__setitem__("xmax", [np.inf] * 15), "column xmax holds something that is not a finite number"),
    ],
)
def test_broken_order_table(order_table: Path, number: int, edit: Callable[[Table], object], message: str) -> None:
    with pytest.raises(InputError, match=rf"order\.fits: .*{message}"):
        read_order_table(change(order_table, number, edit))


def test_order_table_of_one_hdu(order_table: Path) -> None:
    with fits.open(order_table) as hdus:
        hdus[:2].writeto(order_table, overwrite=True)
    with pytest.raises(InputError, match="holds 1 tables, an order table has two"):
        read_order_table(classified(order_table))


def test_dispersion_table(dispersion_table: Path) -> None:
    x, y = read_dispersion_table(classified(dispersion_table))
    a, b = OPTICS.pixel(15, np.array([1290.0]), np.array([2.0]))
    np.testing.assert_allclose(x(15, np.array([1290.0]), np.array([2.0])), b)
    np.testing.assert_allclose(y(15, np.array([1290.0]), np.array([2.0])), a)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.remove_column("axis"), "has no column axis"),
        (lambda t: t.remove_row(1), "column axis holds 'x', one row 'x' and one row 'y'"),
        (lambda t: t.__setitem__("axis", ["x", "x"]), "column axis holds 'x', 'x'"),
        (lambda t: t.remove_column("c110"), "row 1 has 7 finite coefficients cijk, degrees 1, 1, 1 need 8"),
        (lambda t: t.__setitem__("slit_deg", [2, 1]), "row 1 has 8 finite coefficients cijk, degrees 1, 1, 2 need 12"),
        (lambda t: t.remove_column("wavelength_deg"), "has no column wavelength_deg"),
        (lambda t: t.__setitem__("c000", [np.inf, 0.0]), "row 1 has a coefficient beyond 1e.30"),
    ],
)
def test_broken_dispersion_table(dispersion_table: Path, edit: Callable[[Table], object], message: str) -> None:
    with pytest.raises(InputError, match=rf"disp\.fits: .*{message}"):
        read_dispersion_table(change(dispersion_table, 1, edit))


def test_dispersion_table_without_a_table(tmp_path: Path) -> None:
    header = kits.make_header(kits.product_cards(CARDS, "DISP_TAB_NIR", "X"))
    fits.PrimaryHDU(header=header).writeto(tmp_path / "disp.fits")
    with pytest.raises(InputError, match="holds 0 tables, table 1 is needed"):
        read_dispersion_table(classified(tmp_path / "disp.fits"))


@pytest.mark.parametrize(("arm", "removed"), [("NIR", False), ("VIS", True)])
def test_response_of_the_reference_form(tmp_path: Path, arm: str, removed: bool) -> None:
    path = kits.write_response_table(tmp_path / "r.fits", kits.raw_header("SOXS", arm), arm, [0.5, -1.0, 3.0])
    response = read_response(classified(path))
    np.testing.assert_array_equal(response.polynomial, [0.5, -1.0, 3.0])
    assert not response.is_sampled
    assert response.extinction_removed is removed


def sampled(tmp_path: Path, wave: list[float], value: list[float], flat_orders: tuple[float, ...] = (11, 10, 10)) -> ClassifiedFile:
    path = kits.write_response_table(tmp_path / "r.fits", CARDS, "NIR", [1.0])
    curve = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, "D", array=column)
            for name, column in (("WAVE", wave), ("RESPONSE", value), ("RESPONSE_ERR", [0.1] * len(wave)))
        ],
        name="RESPONSE_SAMPLED",
    )
    for key, card in (
        ("STAR", "EG274"),
        ("AIRMASS", 1.2),
        ("FLATMD5", "ab" * 16),
        ("BINX", 2),
        ("BINY", 1),
        ("EXTREM", True),
        ("SLITEND", True),
        ("WMIN", 5.5),
    ):
        curve.header[f"HIERARCH SOXS RESP {key}"] = card
    bins = fits.BinTableHDU.from_columns(
        [fits.Column(name, "D", array=[1.0, 2.0]) for name in ("WAVE", "RESPONSE", "RESPONSE_ERR")]
        + [fits.Column("USED", "L", array=[True, False])],
        name="RESPONSE_BINS",
    )
    flat = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, "D", array=column)
            for name, column in (("ORDER", flat_orders), ("WAVE", [3.0, 2.0, 1.0]), ("LEVEL", [0.3, 0.2, 0.1]))
        ],
        name="FLAT_LEVEL",
    )
    with fits.open(path) as hdus:
        fits.HDUList([*hdus, curve, bins, flat]).writeto(path, overwrite=True)
    return classified(path)


def test_response_of_our_form(tmp_path: Path) -> None:
    response = read_response(sampled(tmp_path, [5.0, 6.0, 7.0], [1.0, 2.0, 3.0]))
    assert response.is_sampled
    assert response.wavelength_nm.tolist() == [5.0, 6.0, 7.0]
    assert response.valid_nm == (5.5, 7.0)
    assert (response.star, response.airmass, response.seeing_arcsec, response.binning) == ("EG274", 1.2, None, (2, 1))
    assert response.flat_md5 == "ab" * 16
    assert response.extinction_removed
    assert response.over_end
    assert response.bins_used.tolist() == [True, False]
    assert response.flat_level is not None
    assert response.flat_level.order.tolist() == [10, 10, 11]
    assert response.flat_level.wavelength_nm.tolist() == [1.0, 2.0, 3.0]
    assert response.flat_level.level.tolist() == [0.1, 0.2, 0.3]


def test_a_flat_level_of_impossible_orders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ORDER of FLAT_LEVEL holds 1e\+09"):
        read_response(sampled(tmp_path, [5.0, 6.0], [1.0, 2.0], flat_orders=(1e9, 1, 2)))


@pytest.mark.parametrize(
    ("wave", "value", "message"),
    [
        ([5.0, 5.0], [1.0, 1.0], "WAVE of RESPONSE_SAMPLED does not ascend"),
        ([5.0, 6.0], [0.0, -1.0], "RESPONSE of RESPONSE_SAMPLED is nowhere above 0"),
        ([5.0, np.nan], [1.0, 1.0], "column wave holds something"),
    ],
)
def test_broken_sampled_response(tmp_path: Path, wave: list[float], value: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_response(sampled(tmp_path, wave, value))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.remove_column("polyOrder"), "has no column polyorder"),
        (lambda t: t.remove_column("c1"), "has no column c1"),
        (lambda t: t.__setitem__("polyOrder", [500]), "column polyorder is 500, a whole number"),
        (lambda t: [t.__setitem__(name, [0.0]) for name in ("c0", "c1")], r"columns c0 \.\.\. c1 are all 0"),
    ],
)
def test_broken_response_table(tmp_path: Path, edit: Callable[[Table], object], message: str) -> None:
    path = kits.write_response_table(tmp_path / "r.fits", CARDS, "NIR", [1.0, 2.0])
    with pytest.raises(InputError, match=rf"r\.fits: .*{message}"):
        read_response(change(path, 1, edit))


def unbinned(tmp_path: Path, wave: list[float], value: list[float], basis: str = "PER_UNBINNED_PIXEL", arm: str = "NIR") -> ClassifiedFile:
    """A response as release 0.19 writes it."""
    header = kits.make_header(kits.product_cards(kits.raw_header("SOXS", arm), f"RESP_TAB_{arm}", "ECHELLE,SLIT"))
    if basis:
        header["HIERARCH ESO PRO RESP BASIS"] = basis
    columns = [fits.Column("WAVE", "D", array=wave), fits.Column("RESPONSE", "D", array=value)]
    hdus = [fits.PrimaryHDU(header=header), fits.BinTableHDU.from_columns(columns, name="RESPONSE")]
    fits.HDUList(hdus).writeto(tmp_path / "r.fits", overwrite=True)
    return classified(tmp_path / "r.fits")


@pytest.mark.parametrize(("arm", "removed"), [("VIS", True), ("NIR", False)])
def test_response_of_release_019(tmp_path: Path, arm: str, removed: bool) -> None:
    response = read_response(unbinned(tmp_path, [1.0, 2.0, 3.0, 4.0, 5.0], [np.nan, 20.0, -1.0, 40.0, 0.0], arm=arm))
    assert response.is_sampled
    assert response.wavelength_nm.tolist() == [2.0, 4.0]
    np.testing.assert_allclose(response.response, [2e-16, 4e-16])
    assert response.valid_nm == (2.0, 4.0)
    assert response.binning == (1, 1)
    assert response.extinction_removed is removed


@pytest.mark.parametrize(
    ("wave", "value", "basis", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], "", "ESO PRO RESP BASIS is '', PER_UNBINNED_PIXEL is needed"),
        ([1.0, 2.0], [1.0, 0.0], "PER_UNBINNED_PIXEL", "has 1 rows above 0"),
        ([2.0, 1.0], [1.0, 2.0], "PER_UNBINNED_PIXEL", "at ascending WAVE"),
    ],
)
def test_broken_response_of_release_019(tmp_path: Path, wave: list[float], value: list[float], basis: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_response(unbinned(tmp_path, wave, value, basis))
