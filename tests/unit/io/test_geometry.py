"""Order table, dispersion table and image to one geometry; refusals where they make no sense together."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from soxspipe.datamodel.geometry import Geometry
from soxspipe.errors import InputError
from soxspipe.instruments.registry import detector
from soxspipe.io.classify import Kind, classify
from soxspipe.io.fits import read_header
from soxspipe.io.geometry import GeometryFiles, read_geometry
from support import inputs as kits
from support.inputs import InputKit


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> InputKit:
    return kits.write_set(tmp_path_factory.mktemp("geometry"), binning=(2, 1))


@pytest.fixture
def own(written: InputKit, tmp_path: Path) -> InputKit:
    return kits.copy_kit(written, tmp_path)


def read(kit: InputKit) -> tuple[Geometry, tuple[str, ...]]:
    files = [classify(path, read_header(path)) for path in kit.files.values()]
    by_kind = {file.kind: file for file in files if file is not None}
    return read_geometry(
        GeometryFiles(
            order_table=by_kind[Kind.ORDER_TABLE],
            dispersion_table=by_kind[Kind.DISPERSION_TABLE],
            dispersion_image=by_kind.get(Kind.DISPERSION_IMAGE),
        ),
        detector("SOXS", "VIS", binning=(2, 1)),
    )


def edit(path: Path, change: Callable[[fits.HDUList], None]) -> None:
    with fits.open(path.resolve()) as hdus:
        change(hdus)
        path.unlink()
        hdus.writeto(path)


def test_binned_along_the_slit_only(written: InputKit) -> None:
    geometry, warnings = read(written)
    assert warnings == ()
    assert geometry.shape == (4096, 404)
    assert (geometry.slit_binning, geometry.dispersion_binning) == (2, 1)
    assert geometry.order_table.orders == (1, 2, 3, 4)
    solved = np.isfinite(geometry.dispersion_map.wavelength_nm)
    assert np.all(geometry.dispersion_map.order[solved] > 0)
    assert np.array_equal(solved, np.isfinite(geometry.dispersion_map.slit_arcsec))


def test_an_image_that_is_binned_already_is_taken_as_it_is(own: InputKit) -> None:
    expected, _ = read(own)
    planes = expected.dispersion_map
    number = np.where(planes.order > 0, planes.order, np.nan)

    def bin_planes(hdus: fits.HDUList) -> None:
        for hdu, plane in zip(hdus, (planes.wavelength_nm, planes.slit_arcsec, number), strict=True):
            hdu.data = np.asarray(plane, dtype=np.float32)

    edit(own.files["disp_image"], bin_planes)
    geometry, warnings = read(own)
    assert warnings == ()
    np.testing.assert_allclose(geometry.dispersion_map.wavelength_nm, planes.wavelength_nm, rtol=1e-6)


def test_a_damaged_patch_of_the_image_is_left_out_with_a_warning(own: InputKit) -> None:
    before, _ = read(own)

    def spoil(hdus: fits.HDUList) -> None:
        hdus[0].data[3000:3010, :] = 700.0
        hdus[2].data[100:103, :] = 77.0

    edit(own.files["disp_image"], spoil)
    geometry, warnings = read(own)
    assert len(warnings) == 1
    assert re.fullmatch(r"\d+ pixels of \S+ are more than 2 px from where the dispersion table has them; they are left out", warnings[0])
    lost = np.isfinite(before.dispersion_map.wavelength_nm) & ~np.isfinite(geometry.dispersion_map.wavelength_nm)
    assert np.unique(np.nonzero(lost)[0]).tolist() == [100, 101, 102, *range(3000, 3010)]
    assert set(np.unique(geometry.dispersion_map.order)) == {0, 1, 2, 3, 4}


def test_an_image_of_another_size_is_refused(own: InputKit) -> None:
    def cut(hdus: fits.HDUList) -> None:
        hdus[1].data = hdus[1].data[:100]

    edit(own.files["disp_image"], cut)
    with pytest.raises(
        InputError, match=r"disp_image\.fits: the dispersion image's SLIT has NAXIS1 x NAXIS2 808 x 100, 808 x 4096 is needed"
    ):
        read(own)


def test_an_image_without_a_solved_pixel_is_refused(own: InputKit) -> None:
    def empty(hdus: fits.HDUList) -> None:
        hdus[0].data[:] = np.nan

    edit(own.files["disp_image"], empty)
    with pytest.raises(InputError, match=r"disp_image\.fits: no pixel has a WAVELENGTH above 0 nm"):
        read(own)


@pytest.mark.parametrize(
    ("column", "value", "number", "message"),
    [
        ("order", [51.0, 52.0, 53.0, 54.0], 2, "column order lists 51, 52, 53, 54, none of which is an order of arm VIS"),
        ("cent_00", [1e9], 1, "put every order off the detector"),
        (
            "cent_00",
            [100.0],
            1,
            r"its orders lie \+\d+ px \(\d+ arcsec\) along the slit from where disp_table\.fits has them, .* not of one set",
        ),
    ],
)
def test_orders_that_are_not_of_this_arm(own: InputKit, column: str, value: list[float], number: int, message: str) -> None:
    def replace(hdus: fits.HDUList) -> None:
        table = Table(hdus[number].data)
        table[column] = value
        hdus[number] = fits.BinTableHDU(table)

    edit(own.files["order_table"], replace)
    with pytest.raises(InputError, match=rf"order_table\.fits: .*{message}"):
        read(own)


def test_an_impossible_table_without_an_image_is_refused(own: InputKit) -> None:
    def zero(hdus: fits.HDUList) -> None:
        table = Table(hdus[1].data)
        table["c000"] = [1e9, 1e9]
        hdus[1] = fits.BinTableHDU(table)

    edit(own.files["disp_table"], zero)
    own.files["disp_image"].unlink()
    files = {role: path for role, path in own.files.items() if role != "disp_image"}
    with pytest.raises(InputError, match=r"disp_table\.fits: no dispersion image is given, and the dispersion solution solves no pixel"):
        read(InputKit(own.folder, own.sof, files, own.facts))


def test_half_of_an_order_without_wavelengths_is_said(own: InputKit) -> None:
    def cut(hdus: fits.HDUList) -> None:
        first = hdus[2].data == 1
        first[: first.shape[0] // 2] = False
        hdus[0].data[first] = np.nan

    edit(own.files["disp_image"], cut)
    _, warnings = read(own)
    assert warnings == ("the dispersion image has no wavelengths in part of order r (50%); that part of the spectrum is missing",)
