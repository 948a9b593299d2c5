"""Records of what was done, and fingerprints of what it was made from."""

from __future__ import annotations

from pathlib import Path

from soxspipe.night.state import Outcome, fingerprint, read_record, write_record


def test_the_record_comes_back_as_it_was_even_from_another_place(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    outcome = Outcome(
        name="x", verb="mbias", arm="VIS", night="n", final=str(old / "reduced/a.fits"), made={"MASTER_BIAS": str(old / "reduced/a.fits")},
        inputs={"DARK": "/elsewhere/d.fits"}, files=(("reduced/a.fits", 5),), metrics=({"name": "A", "value": 1.0, "flag": "fail", "order": "-1"},),
    )  # fmt: skip
    write_record(old, outcome)
    assert read_record(old, "n", "x") == outcome
    old.rename(new)
    moved = read_record(new, "n", "x")
    assert moved is not None
    assert (moved.final, moved.inputs["DARK"]) == (str(new / "reduced/a.fits"), "/elsewhere/d.fits")
    assert (moved.out_of_range, moved.metric("A"), moved.metric("B")) == (("A",), 1.0, None)


def test_the_fingerprint_knows_content_settings_and_recipe_but_not_order() -> None:
    one, two = ("T", "a.fits", "1"), ("T", "b.fits", "2")
    assert fingerprint("v", [one, two], "") == fingerprint("v", [two, one], "")
    others = {fingerprint("v", [one], ""), fingerprint("w", [one], ""), fingerprint("v", [two], ""), fingerprint("v", [one], "s")}
    assert len(others) == 4
