"""Columns of the products of science frames."""

from __future__ import annotations

import numpy as np

from soxspipe.datamodel.geometry import OrderPolynomial
from soxspipe.io.products import trace_columns


def test_the_width_of_a_trace_has_the_degrees_of_its_centre():
    """The reference reads `std_` coefficients with `degorder_cent` and `deg<B>_cent`."""
    centre, width = OrderPolynomial(coefficients=np.arange(6.0).reshape(2, 3)), OrderPolynomial(coefficients=np.array([[4.0]]))
    columns = {column.name: column.values[0] for column in trace_columns("x", centre, width)}
    assert [name for name in columns if name.startswith("std_")] == ["std_00", "std_01", "std_02", "std_10", "std_11", "std_12"]
    assert (columns["std_00"], columns["std_12"], columns["cent_12"]) == (4.0, 0.0, 5.0)
    assert (columns["degorder_std"], columns["degx_std"]) == (columns["degorder_cent"], columns["degx_cent"]) == (1, 2)
