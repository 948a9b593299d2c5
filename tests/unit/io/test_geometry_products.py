"""Tables and map as other programs read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from astropy.io import fits

from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.io.fits_writer import fits_chunks
from soxspipe.io.geometry_products import dispersion_hdus


def _opened(hdus) -> fits.HDUList:
    return fits.open(io.BytesIO(b"".join(bytes(chunk) for chunk in fits_chunks(hdus))))


def test_dispersion_table_has_the_columns_that_readers_know(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = (DispersionPolynomial(coefficients=rng.normal(size=shape)) for shape in ((3, 2, 2), (2, 3, 1)))
    table = _opened(dispersion_hdus((), x, y))[1]
    names = table.columns.names
    assert names[:4] == ["axis", "order_deg", "wavelength_deg", "slit_deg"]
    assert names[4:] == sorted(names[4:])
    assert table.data["axis"].tolist() == ["x", "y"]
    assert table.data["order_deg"].tolist() == [2, 1]
    for row, polynomial in zip(table.data, (x, y), strict=True):
        values = np.array([row[name] for name in names[4:]], dtype=float)
        kept = values[np.isfinite(values)]  # as the reference reads them: without the empty ones, in the order of the columns
        np.testing.assert_allclose(kept, polynomial.coefficients.ravel())
