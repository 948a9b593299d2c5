"""Acceptable ranges of the stare recipe: which hold for whom."""

from soxspipe.instruments.registry import arm as find_arm
from soxspipe.qc.ranges import canonical
from soxspipe.reductions.stare.ranges import BY_ARM, EVERY_FRAME, is_standard, stare_ranges


def test_science_frames_have_the_ranges_that_hold_for_every_frame():
    assert stare_ranges("soxs-stare", find_arm("SOXS", "VIS")) == EVERY_FRAME
    assert set(EVERY_FRAME) == {
        "HOST DOUBT", "SATURATED NUM", "N EXP LEFT OUT", "N ORDERS SLIT EDGE", "DEAD LINES", "READOUT PATTERN", "PERSISTENCE",
    }  # fmt: skip
    assert set(BY_ARM) == {"VIS", "NIR"}
    assert canonical("y_res-sd") == "Y RES SD"


def test_those_of_the_page_are_enforced_for_standards_of_soxs_alone():
    assert stare_ranges("soxs-stare-std", find_arm("SOXS", "VIS")) == {**EVERY_FRAME, **BY_ARM["VIS"]}
    assert stare_ranges("soxs-stare-std", find_arm("XSHOOTER", "VIS")) == EVERY_FRAME
    assert is_standard("soxs-stare-std")
    assert not is_standard("soxs-stare")
