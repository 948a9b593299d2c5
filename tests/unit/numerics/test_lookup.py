"""Tables looked up between their places, by hand."""

import numpy as np

from soxspipe.numerics.lookup import between


def test_a_value_between_two_places_is_their_mean_by_share() -> None:
    table = np.array([1.0, 3.0, 7.0])
    found = between(table, np.array([[0, 1], [1, 0]]), np.array([[0.0, 0.25], [1.0, 0.5]]))
    np.testing.assert_array_equal(found, [[1.0, 4.0], [7.0, 2.0]])
