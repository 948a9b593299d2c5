"""Names of sets and of their products."""

from __future__ import annotations

from datetime import timedelta

from soxspipe.night.frame_set import FrameSet
from support.night_headers import EVENING, Exposure, stare, whole_night
from support.nights import organised


def sets(frames: list[Exposure]) -> tuple[FrameSet, ...]:
    return organised(frames).sets


def with_cards(frames: list[Exposure], **cards: object) -> list[Exposure]:
    return [Exposure(entry.name, {**entry.cards, **cards}) for entry in frames]


def test_names_are_those_of_the_reference() -> None:
    """Examples of section 12.5 of the contract, with our dates."""
    names = {made.name for made in sets(whole_night())}
    assert names >= {
        "20260301T180000_VIS_1X1_1_MBIAS_SOXS",
        "20260301T180000_NIR_3_MDARK_20_0S_SOXS",
        "20260301T185140_NIR_3_DSOL_PINHOLE_20_0S_SOXS",
        "20260301T185540_NIR_3_OLOC_QTH_PINHOLE_20_0S_SOXS",
        "20260301T185940_NIR_3_MFLAT_QTH_SLIT1_0_20_0S_SOXS",
        "20260301T190740_NIR_3_SSOL_MULTPIN_20_0S_SOXS",
        "20260302T010000_VIS_1X1_1_STARE_STD_FLUX_SLIT5_0_60_0S_SOXS_LTT3218",
        "20260302T020000_NIR_3_STARE_OBJ_SLIT1_0_300_0S_SOXS_SN2026abc",
    }


def test_names_are_never_given_twice() -> None:
    frames = stare("VIS", EVENING, ob=1) + with_cards(stare("VIS", EVENING + timedelta(milliseconds=500), ob=2))
    names = [made.name for made in sets(frames)]
    assert len(set(names)) == len(names) == 2
