"""Which exposures form a set, rule by rule."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from soxspipe.night.frame_set import FrameSet
from soxspipe.night.rules import MAX_EXPOSURES, SETS
from support.night_headers import EVENING, Exposure, calibrations, exposure, run_of, stare, whole_night
from support.nights import organised


def sets(frames: list[Exposure]) -> tuple[FrameSet, ...]:
    return organised(frames).sets


def of_kind(frames: list[Exposure], kind: str) -> list[FrameSet]:
    return [made for made in sets(frames) if made.rule.kind == kind]


def with_cards(frames: list[Exposure], **cards: object) -> list[Exposure]:
    return [Exposure(entry.name, {**entry.cards, **cards}) for entry in frames]


def test_a_plain_night_falls_into_its_sets() -> None:
    counts = Counter((made.rule.kind, made.arm, len(made.frames), len(made.off_frames)) for made in sets(whole_night()))
    assert counts == {
        ("bias", "VIS", 5, 0): 1, ("dark", "NIR", 5, 0): 3,
        ("pinhole arc", "VIS", 1, 0): 2, ("pinhole arc", "NIR", 1, 1): 2,
        ("pinhole flat", "VIS", 1, 0): 2, ("pinhole flat", "NIR", 1, 1): 2,
        ("slit flat", "VIS", 10, 0): 2, ("slit flat", "NIR", 5, 1): 2,
        ("multi-pinhole arc", "VIS", 1, 0): 2, ("multi-pinhole arc", "NIR", 1, 1): 2,
        ("flux standard", "VIS", 1, 0): 1, ("flux standard", "NIR", 1, 0): 1,
        ("science", "VIS", 2, 0): 1, ("science", "NIR", 2, 0): 1, ("science", "VIS", 1, 0): 1, ("science", "NIR", 1, 0): 1,
    }  # fmt: skip


def test_sets_stand_in_the_order_of_the_recipes() -> None:
    order = [rule.kind for rule in SETS]
    places = [order.index(made.rule.kind) for made in sets(whole_night())]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("cards", "n_sets"),
    [
        ({}, 1),
        ({"ESO TPL START": "another"}, 1),
        ({"ESO OBS ID": 77}, 2),
        ({"ESO INS VISE NAME": "SLIT5.0"}, 2),
        ({"EXPTIME": 301.0}, 2),
        ({"ESO DET BINY": 2}, 2),
        ({"ESO DET READ CURID": 2}, 2),
        ({"OBJECT": "SN2026other"}, 2),
    ],
)
def test_stare_exposures_of_an_observation_block_are_one_set(cards: dict[str, object], n_sets: int) -> None:
    frames = stare("VIS", EVENING, n=2) + with_cards(stare("VIS", EVENING + timedelta(hours=1)), **cards)
    assert len(sets(frames)) == n_sets


def test_without_an_observation_block_each_template_is_its_own() -> None:
    gone = {"ESO OBS ID": "", "ESO OBS NAME": ""}
    frames = with_cards(stare("VIS", EVENING, n=2), **gone) + with_cards(stare("VIS", EVENING + timedelta(hours=1)), **gone)
    assert sorted(len(made.frames) for made in sets(frames)) == [1, 2]
    assert len(sets(with_cards(frames, **{"ESO TPL START": ""}))) == 3


def test_arms_that_share_the_start_of_a_template_stay_apart() -> None:
    frames = [entry for arm in ("VIS", "NIR") for entry in stare(arm, EVENING, n=4)]
    assert [(made.arm, len(made.frames)) for made in sets(frames)] == [("NIR", 4), ("VIS", 4)]


def test_evening_and_morning_flats_are_separate_runs() -> None:
    def flats(at: int) -> list[Exposure]:
        start = EVENING + timedelta(hours=at)
        return run_of(5, "NIR", start, "LAMP,FLAT", "ECHELLE,SLIT", exptime=20.0, slit="SLIT1.0", lamp="QTH")

    assert [len(made.frames) for made in sets(flats(0) + flats(1))] == [10]
    assert [len(made.frames) for made in sets(flats(0) + flats(12))] == [5, 5]


def test_flats_of_both_lamps_go_together_and_other_exposure_times_apart() -> None:
    qth = run_of(5, "VIS", EVENING, "LAMP,FLAT", "ECHELLE,SLIT", exptime=20.0, slit="SLIT1.0", lamp="QTH")
    longer = run_of(2, "VIS", EVENING + timedelta(minutes=10), "LAMP,FLAT", "ECHELLE,SLIT", exptime=90.0, slit="SLIT1.0", lamp="QTH")
    d2 = run_of(5, "VIS", EVENING + timedelta(minutes=20), "LAMP,DFLAT", "ECHELLE,SLIT", exptime=40.0, slit="SLIT1.0", lamp="D")
    reversed_ = [Exposure(entry.name, {**entry.cards, "ESO DPR TYPE": "FLAT,LAMP"}) for entry in qth]
    for frames in (qth + longer + d2, reversed_ + longer + d2):
        lamps = sorted(sorted(Counter(row.lamp for row in made.frames).items()) for made in sets(frames))
        assert lamps == [[("D", 5), ("QTH", 5)], [("QTH", 2)]]


def test_arcs_of_one_lamp_and_time_are_combined() -> None:
    arcs = run_of(3, "VIS", EVENING, "LAMP,WAVE", "ECHELLE,PINHOLE", exptime=20.0, slit="PINHOLE", lamp="ThAr")
    assert [len(made.frames) for made in sets(arcs)] == [3]


def test_exposures_with_the_lamp_off_join_those_with_it_on() -> None:
    night = calibrations("NIR")
    assert all(len(made.off_frames) == 1 for made in sets(night) if made.rule.off_frames)
    lonely = [entry for entry in night if entry.cards["ESO DPR TECH"] == "IMAGE" and entry.cards["ESO DPR TYPE"] != "DARK"]
    made = organised(lonely)
    assert made.sets == ()
    assert [entry.reason for entry in made.left_out] == [
        "the lamp was off, and no set of exposures with it on has this mask and exposure time"
    ] * 4


def test_nodding_templates_keep_their_runs() -> None:
    def nod(at: int) -> list[Exposure]:
        start = EVENING + timedelta(hours=at)
        return run_of(4, "VIS", start, "OBJECT", "ECHELLE,SLIT,NODDING", exptime=300.0, slit="SLIT1.0", cards={"ESO OBS ID": 5})

    made = sets(nod(0) + nod(1))
    assert [(entry.rule.verb, len(entry.frames)) for entry in made] == [("nod", 4), ("nod", 4)]
    assert made[0].name == "20260301T180000_VIS_1X1_1_NOD_OBJ_SLIT1_0_300_0S_SOXS_SN2026abc"


def test_more_exposures_than_the_recipe_takes_are_split() -> None:
    assert [len(made.frames) for made in sets(stare("VIS", EVENING, n=MAX_EXPOSURES + 2, exptime=10.0))] == [MAX_EXPOSURES, 2]


def test_a_split_bias_template_is_complete() -> None:
    made = sets(run_of(50, "VIS", EVENING, "BIAS", "IMAGE", exptime=0.0))
    assert [(len(entry.frames), entry.warnings) for entry in made] == [(25, ()), (25, ())]


def test_darks_of_several_times_in_one_template_are_complete() -> None:
    at = EVENING
    frames = []
    for number, time in enumerate((20.0,) * 5 + (300.0,) * 5, start=1):
        frames.append(exposure("NIR", at, "DARK", "IMAGE", exptime=time, number=number, of=10, template_start=EVENING))
        at += timedelta(seconds=time + 5.0)
    assert [made.warnings for made in sets(frames)] == [(), ()]
    assert [made.warnings for made in sets(frames[:-1])] == [("9 of the 10 exposures of the template SOXS_gen_cal are here",)] * 2


@pytest.mark.parametrize(("step", "of", "short"), [(1, 3, "2 of the 3"), (2, 6, "5 of the 6")])
def test_arms_that_share_a_template_count_each_or_both_together(step: int, of: int, short: str) -> None:
    def darks(arm: str, first: int) -> list[Exposure]:
        starts = [EVENING + timedelta(seconds=30 * index) for index in range(3)]
        return [
            exposure(arm, at, "DARK", "IMAGE", exptime=20.0, number=first + step * index, of=of, template_start=EVENING)
            for index, at in enumerate(starts)
        ]

    frames = [*darks("VIS", 1), *darks("NIR", 1 if step == 1 else 2)]
    assert [made.warnings for made in sets(frames)] == [(), ()]
    cut = next(made for made in sets(frames[:2] + frames[3:]) if made.arm == "VIS")
    assert any(short in warning for warning in cut.warnings)


def test_a_template_that_runs_on_past_noon_stays_whole() -> None:
    start = EVENING.replace(hour=14, minute=40)
    (made,) = sets(run_of(5, "NIR", start, "DARK", "IMAGE", exptime=600.0))
    assert (made.night, len(made.frames), made.warnings) == ("2026-02-28", 5, ())


@pytest.mark.parametrize("dpr_type", ["LAMP,FLAT", "FLAT,LAMP", "LAMP,DFLAT", "LAMP,QFLAT", "LAMP,ORDERDEF", "LAMP,DORDERDEF"])
def test_every_type_of_pinhole_flat_that_the_recipe_takes(dpr_type: str) -> None:
    (made,) = sets(run_of(1, "VIS", EVENING, dpr_type, "ECHELLE,PINHOLE", exptime=20.0, slit="PINHOLE", lamp="D"))
    assert made.rule.kind == "pinhole flat"


def test_few_frames_and_unfinished_templates_are_said() -> None:
    frames = calibrations("VIS")[:3]
    (made,) = sets(frames)
    assert made.warnings == ("only 3 frames; 5 are usual", "3 of the 5 exposures of the template SOXS_gen_cal are here")


def test_every_file_is_somewhere() -> None:
    made = organised(whole_night())
    placed = [row.path for entry in made.sets for row in (*entry.frames, *entry.off_frames)]
    assert len(placed) == len(set(placed)) == len(whole_night())
