"""Acceptable ranges of the stare recipe: which hold for whom."""

from soxspipe.instruments.registry import arm as find_arm
from soxspipe.qc.ranges import canonical
from soxspipe.reductions.stare.ranges import BY_ARM, is_standard, stare_ranges


def test_science_frames_have_no_ranges_of_their_own():
    assert stare_ranges("soxs-stare", find_arm("SOXS", "VIS")) == {}
    assert set(BY_ARM) == {"VIS", "NIR"}
    assert canonical("y_res-sd") == "Y RES SD"


def test_ranges_are_enforced_for_standards_of_soxs_alone():
    assert stare_ranges("soxs-stare-std", find_arm("SOXS", "VIS")) is BY_ARM["VIS"]
    assert stare_ranges("soxs-stare-std", find_arm("XSHOOTER", "VIS")) == {}
    assert is_standard("soxs-stare-std")
    assert not is_standard("soxs-stare")
