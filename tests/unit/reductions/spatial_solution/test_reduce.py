"""What the spatial solution says of its mask."""

from __future__ import annotations

from soxspipe.algorithms.calibration.check_mask import MaskCheck
from soxspipe.instruments.registry import arm
from soxspipe.reductions.spatial_solution.reduce import mask_warnings

ARM = arm("SOXS", "VIS")


def _check(order: int, *dark: int, beyond: int | None = None) -> MaskCheck:
    """Nine pinholes, some of them dark, and perhaps light beyond an end (0 or 10)."""
    share = [0.0, *[0.0 if number in dark else 1.0 for number in range(9)], 0.0]
    if beyond is not None:
        share[beyond] = 1.0
    return MaskCheck(order=order, share=tuple(share))


def test_a_whole_mask_is_no_reason_to_say_anything() -> None:
    assert mask_warnings((_check(1), _check(2)), ARM) == ()


def test_a_mask_off_by_one_is_one_sentence_for_all_orders() -> None:
    (up,) = mask_warnings(tuple(_check(order, 0, beyond=10) for order in (1, 2, 3, 4)), ARM)
    (down,) = mask_warnings((_check(2, 8, beyond=0),), ARM)
    assert up.startswith("orders r, u, g, i: light one pinhole beyond the mask")
    assert down.startswith("order u: light one pinhole beyond the mask")


def test_dark_pinholes_are_named_with_their_orders() -> None:
    said = mask_warnings((_check(1, 8), _check(2), _check(3, 8), _check(4, 0, 8)), ARM)
    assert [one.split(" of the mask")[0] for one in said] == ["orders r, g: no light at pinhole 8", "order i: no light at pinhole 0, 8"]
