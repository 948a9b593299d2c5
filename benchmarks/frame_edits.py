"""What reality does to frames and headers, one thing at a time: the list of attacks of `attack_frames.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from astropy.io import fits
from frame_set import FULL, SCIENCE_AREA, FrameSet, Image
from scipy.special import erf

PINHOLE_ARCSEC = 1.375
"""Nine pinholes over 11 arcsec."""
Edit = Callable[[FrameSet], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One attack.

    Attributes
    ----------
    name : str
        What is done.
    edit : callable
        Does it to a set of frames.
    arms : tuple of str
        Where it makes sense.
    word : str
        Regular expression: what a user who is told rightly would read.
    """

    name: str
    edit: Edit
    word: str
    arms: tuple[str, ...] = ("NIR", "VIS")


def swap_gain(frames: FrameSet, *, everywhere: bool) -> None:
    """The two gains of the header, e-/ADU and ADU/e-, change places."""
    gain = float(frames.truth.header["GAIN"])
    for path in [path for path, _ in frames.entries] if everywhere else frames.raw:
        frames.cards(path, {"ESO DET OUT1 CONAD": 1 / gain, "ESO DET OUT1 GAIN": gain})


def scale_read_noise(frames: FrameSet, factor: float) -> None:
    """Every card of the read noise is wrong by a factor."""
    value = factor * float(frames.truth.header["RON"])
    frames.raw_cards({"ESO DET CHIP RON": value, "ESO DET OUT1 RON": value})


def average(frames: FrameSet, card: float | None) -> None:
    """All exposures become one, their mean, as a detector with several integrations gives it; its NDIT card may lie."""
    others = frames.raw[1:]
    mean = np.mean([np.asarray(fits.getdata(path), dtype=np.float64) for path in frames.raw], axis=0)
    frames.entries = [(path, tag) for path, tag in frames.entries if path not in others]
    frames.change_raw(lambda adu: mean)
    if card is not None:
        frames.cards(frames.raw[0], {"ESO DET NDIT": card})


def dark_of_another_time(frames: FrameSet) -> None:
    """A dark of a third of the time, whose level does not depend on it."""
    frames.cards(frames.darkness, {"EXPTIME": float(fits.getheader(frames.darkness)["EXPTIME"]) / 3})


def new_hot_pixels(frames: FrameSet) -> None:
    """Three pixels in a thousand are hot tonight and were not when the master was made: 50 to 5000 e-."""
    shape = frames.image("OBJECT").shape
    hot = frames.rng.random(shape) < 0.003
    charge = np.where(hot, 10 ** frames.rng.uniform(1.7, 3.7, shape), 0.0)
    frames.add(charge)


def add_to_raw(frames: FrameSet, electrons: float) -> None:
    """The level of every pixel is higher than in the master."""
    frames.change_raw(lambda adu: adu + electrons / float(frames.truth.header["GAIN"]))


def bad_column(frames: FrameSet, share: float) -> None:
    """A line of pixels along the dispersion through the middle of a trace has lost a share of its light."""
    order = frames.middle_order
    along, across = frames.trace_px(order)
    line = int(across[along.size // 2])

    def edit(electrons: Image) -> None:
        place = frames.at(slice(None), line)
        pedestal = frames.pedestal()
        electrons[place] = pedestal[place] + (1 - share) * (electrons[place] - pedestal[place])

    frames.change_light(edit)


def dead_part(frames: FrameSet) -> None:
    """A quarter of the rows gives the bias level alone, as a dead amplifier does."""

    def edit(electrons: Image) -> None:
        rows = slice(0, electrons.shape[0] // 4)
        noise = float(frames.truth.header["RON"]) * frames.rng.standard_normal(electrons[rows].shape)
        electrons[rows] = np.median(frames.pedestal()) + noise

    frames.change_light(edit)


def rows_pattern(frames: FrameSet, kind: str) -> None:
    """Rows that are read out wrongly: one hot, each with noise of its own, odd above even, or a step halfway."""
    count = frames.image("OBJECT").shape[0]
    level = np.zeros(count)
    if kind == "hot":
        level[count // 2] = 200.0
    elif kind == "step":
        level[count // 2 :] = 8.0
    elif kind == "odd-even":
        level[::2] = 8.0
    for path in frames.raw:
        noisy = 8.0 * frames.rng.standard_normal(count) if kind == "noisy" else level
        one = FrameSet(folder=frames.folder, entries=[(path, "OBJECT")], truth=frames.truth)
        one.change_light(lambda electrons, rows=noisy: electrons + rows[:, None])
        frames.put(path, one.raw[0])


def trail(frames: FrameSet, axis: int) -> None:
    """A satellite crosses: a bright line of 3 px, 400 e- high, along rows (0) or columns (1), near the target of an order."""
    along, across = frames.trace_px(frames.middle_order)
    place = [int(value[along.size // 3]) for value in frames.at(along, across)]
    light = np.zeros(frames.image("OBJECT").shape)
    lines = slice(place[axis] - 1, place[axis] + 2)
    light[(lines, slice(None)) if axis == 0 else (slice(None), lines)] = 400.0
    frames.add(light)


def many_cosmic_rays(frames: FrameSet) -> None:
    """Ten times the hits of the simulated exposure: short tracks of 300 to 20000 e-."""
    shape = frames.image("OBJECT").shape
    for path in frames.raw:
        light = np.zeros(shape)
        for _ in range(10 * int(frames.truth.header.get("NCR", 300)) // len(frames.raw)):
            y, x, angle = frames.rng.uniform(0, shape[0]), frames.rng.uniform(0, shape[1]), frames.rng.uniform(0, np.pi)
            steps = np.arange(0, frames.rng.exponential(4.0) + 1, 0.5)
            rows, columns = (y + steps * np.sin(angle)).astype(int), (x + steps * np.cos(angle)).astype(int)
            inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
            np.add.at(light, (rows[inside], columns[inside]), 10 ** frames.rng.uniform(2.5, 4.3) / steps.size)
        one = FrameSet(folder=frames.folder, entries=[(path, "OBJECT")], truth=frames.truth, rng=frames.rng)
        one.add(light)
        frames.put(path, one.raw[0])


def full_wells(frames: FrameSet, share: float | None) -> None:
    """The core of the target is cut off over a fifth of an order: at the converter's end, or at a share of its height."""
    along, across = frames.trace_px(frames.middle_order)
    part = slice(along.size // 2, along.size // 2 + along.size // 5)
    core = [frames.at(along[part], across[part] + step) for step in (-1, 0, 1)]

    def edit(adu: Image) -> None:
        science = adu[SCIENCE_AREA[frames.arm]]
        level = np.median(science) + (share or 0.0) * (np.percentile(science[core[1]], 90) - np.median(science))
        for place in core:
            science[place] = FULL if share is None else np.minimum(science[place], level)

    frames.change_raw(edit)


def not_a_number(frames: FrameSet) -> None:
    """One pixel in a thousand is not a number, and a block of 6 x 6 on a trace."""
    along, across = frames.trace_px(frames.middle_order)
    place = frames.at(int(along[along.size // 2]), int(across[along.size // 2]))

    def edit(adu: Image) -> None:
        adu[frames.rng.random(adu.shape) < 0.001] = np.nan
        adu[SCIENCE_AREA[frames.arm]][place[0] - 3 : place[0] + 3, place[1] - 3 : place[1] + 3] = np.nan

    frames.change_raw(edit, as_floats=True)


def cut_rows(frames: FrameSet) -> None:
    """The last hundred rows are missing, and the header says so."""
    frames.change_raw(lambda adu: adu[:-100])


def cut_bytes(frames: FrameSet) -> None:
    """The file ends early, as after a copy that broke off."""
    path = frames.raw[0]
    new = frames.folder / path.name
    content = path.read_bytes()
    new.write_bytes(content[: 2 * len(content) // 3])
    frames.put(path, new)


def flip(frames: FrameSet, axis: int) -> None:
    """Exposures are read out the other way round."""
    frames.change_raw(lambda adu: np.flip(adu, axis))


def move_slit(frames: FrameSet, px: int) -> None:
    """All light of the sky lies some pixels along the slit from where the flat has it."""

    def moved(image: Image) -> Image:
        return np.roll(image, px, axis=1 - frames.along)

    pedestal = frames.pedestal()
    frames.change_light(lambda electrons: pedestal + moved(electrons - pedestal))
    frames.move_trace(px)
    frames.retarget(moved(frames.image("OBJECT")))


def map_by_a_pinhole(frames: FrameSet) -> None:
    """The map of one order was made with the pinholes counted from the wrong one: its slit positions are off by a spacing."""
    order = frames.middle_order

    def change(hdus: fits.HDUList) -> None:
        slit = hdus["SLIT"].data
        slit[hdus["ORDER"].data == order] += PINHOLE_ARCSEC

    frames.rewrite(frames.of("DISP_IMAGE"), change)


def map_and_table_by_a_pinhole(frames: FrameSet) -> None:
    """The same, in the dispersion table as well, whose polynomials take it: four orders, and a third degree in the order."""
    map_by_a_pinhole(frames)

    def change(hdus: fits.HDUList) -> None:
        rows = hdus[1].data
        numbers = np.array([number for number, _ in frames.orders()], dtype=float)
        powers = np.vander(numbers, 4, increasing=True)
        for row in rows:
            for power in range(int(row["wavelength_deg"]) + 1):
                along_slit = powers @ [row[f"c{i}{power}1"] for i in range(4)]
                moved = np.linalg.solve(powers, np.where(numbers == frames.middle_order, -PINHOLE_ARCSEC * along_slit, 0.0))
                for i in range(4):
                    row[f"c{i}{power}0"] += moved[i]

    frames.rewrite(frames.of("DISP_TAB"), change)


def soft_flat(frames: FrameSet) -> None:
    """The ends of the slit are out of focus in the flat: its edges have a width of 0.15 arcsec, and lie 0.3 arcsec further in."""
    slit = np.abs(frames.image("SLIT"))
    edge = 0.5 * (1 - erf((slit - 5.7) / (np.sqrt(2) * 0.15)))

    def change(hdus: fits.HDUList) -> None:
        hdus["FLUX"].data *= edge.astype(np.float32)

    frames.rewrite(frames.of("MASTER_FLAT"), change)


def move_lines(frames: FrameSet, orders: int) -> None:
    """All light of some orders lies 2 px along the dispersion from where the map has it."""
    chosen = [number for number, _ in frames.orders()]
    middle = chosen.index(frames.middle_order)
    chosen = chosen[max(middle - orders // 2, 0) :][:orders]
    pedestal, target = frames.pedestal(), frames.image("OBJECT")
    pixels = np.zeros(target.shape, dtype=bool)
    for number, mine in frames.orders():
        pixels |= mine & (number in chosen)

    def moved(image: Image) -> Image:
        return np.where(pixels, np.roll(image, 2, axis=frames.along), image)

    frames.change_light(lambda electrons: pedestal + moved(electrons - pedestal))
    frames.retarget(moved(target))
    for number in chosen:
        frames.move_rows(("WAVE",), number, 2)


def companion(frames: FrameSet, share: float, arcsec: float) -> None:
    """A second star of the same colour."""
    frames.add(share * frames.moved_across(frames.image("OBJECT"), arcsec))


def to_the_end(frames: FrameSet, arcsec: float) -> None:
    """The target stands elsewhere on the slit; light beyond its end is lost."""
    moved = frames.moved_across(frames.image("OBJECT"), arcsec)
    frames.take(1.0)
    frames.add(moved)
    frames.move_trace(arcsec=arcsec)
    frames.retarget(moved)


def leave_out(frames: FrameSet, *cards: str) -> None:
    """Cards that exposures lack."""
    frames.raw_cards(dict.fromkeys(cards))


def copies(frames: FrameSet, count: int) -> None:
    """The first exposure again under other names, header and all."""
    first, tag = next((path, tag) for path, tag in frames.entries if path in frames.raw)
    others = frames.raw[1:]
    frames.entries = [entry for entry in frames.entries if entry[0] not in others]
    for number in range(1, count):
        copy = frames.folder / f"copy{number}.fits"
        copy.write_bytes(first.read_bytes())
        frames.entries.append((copy, tag))


def two_targets(frames: FrameSet) -> None:
    """An exposure of another star a degree away comes with the set."""
    if len(frames.raw) == 1:
        copies(frames, 2)
    last = FrameSet(folder=frames.folder, entries=[(frames.raw[-1], "OBJECT")], truth=frames.truth, rng=frames.rng)
    last.change_light(lambda electrons: electrons + frames.rng.standard_normal(electrons.shape))
    last.cards(last.raw[0], {"OBJECT": "SN2026xyz", "ESO OBS TARG NAME": "SN2026xyz", "ESO OBS ID": 77, "DEC": -40.2, "MJD-OBS": 60736.2})
    frames.put(frames.raw[-1], last.raw[0])


def set_cards(frames: FrameSet, cards: Mapping[str, Any], tag: str = "") -> None:
    """Cards with other values: of the exposures, or of the file of a tag."""
    if tag:
        frames.cards(frames.of(tag), cards)
    else:
        frames.raw_cards(cards)


def wrong_time(frames: FrameSet) -> None:
    """EXPTIME is half of the true one."""
    frames.raw_cards({"EXPTIME": float(frames.truth.header["EXPTIME"]) / 2})


def attack(name: str, word: str, edit: Callable[..., None], arms: str = "NIR VIS", **arguments: Any) -> Attack:
    """A row of the list."""
    return Attack(name=name, word=word, edit=partial(edit, **arguments) if arguments else edit, arms=tuple(arms.split()))


def missing(*cards: str, word: str) -> Attack:
    """A row for missing cards."""
    return Attack(name=f"no {cards[0]}", word=word, edit=lambda frames: leave_out(frames, *cards))


ATTACKS = (
    attack("clean", "", lambda frames: None),
    attack("gain swapped, exposures", "gain", swap_gain, everywhere=False),
    attack("gain swapped, all files", "gain", swap_gain, everywhere=True),
    attack("read noise 0", "read noise", scale_read_noise, factor=0.0),
    attack("read noise x 2", "read noise", scale_read_noise, factor=2.0),
    attack("read noise / 2", "read noise", scale_read_noise, factor=0.5),
    attack("mean of 3, NDIT missing", "read noise|NDIT|integrations|mean of", average, "NIR", card=None),
    attack("mean of 3, NDIT 1", "read noise|NDIT|integrations|mean of", average, "NIR", card=1),
    attack("mean of 3, NDIT 12", "read noise|NDIT|integrations|mean of", average, "NIR", card=12),
    attack("EXPTIME half", "time", wrong_time),
    attack("dark of a third of the time", "dark", dark_of_another_time, "NIR"),
    attack("hot pixels new", "hot|struck|pixels", new_hot_pixels),
    attack("level 3 e- higher", "level|bias|dark", add_to_raw, electrons=3.0),
    attack("bad column, all light", "column|pixels", bad_column, share=1.0),
    attack("bad column, 30 %", "column|pixels", bad_column, share=0.3),
    attack("dead quarter", "amplifier|dead|no light|rows", dead_part),
    attack("hot row", "row|stripe|line", rows_pattern, kind="hot"),
    attack("noisy rows", "row|stripe", rows_pattern, kind="noisy"),
    attack("odd rows 8 e- higher", "row|stripe", rows_pattern, kind="odd-even"),
    attack("step of 8 e- halfway", "row|step|level|channel", rows_pattern, kind="step"),
    attack("trail along rows", "trail|row|pixels|line", trail, axis=0),
    attack("trail along columns", "trail|column|pixels|second|object", trail, axis=1),
    attack("ten times the cosmic rays", "cosmic|struck|pixels", many_cosmic_rays),
    attack("core at 65535", "full well|saturat", full_wells, share=None),
    attack("core cut at half of its height", "full well|saturat|plateau", full_wells, share=0.5),
    attack("NaN", "not finite|NaN|not a number|pixels", not_a_number),
    attack("100 rows less", "rows|px|shape", cut_rows),
    attack("file cut off", "truncated", cut_bytes),
    attack("rows flipped", "", flip, axis=0),
    attack("columns flipped", "", flip, axis=1),
    attack("slit image 3 px off", "slit", move_slit, px=3),
    attack("map one pinhole off in an order", "map|slit|order", map_by_a_pinhole),
    attack("map and table one pinhole off in an order", "map|slit|order", map_and_table_by_a_pinhole, "VIS"),
    attack("flat with soft ends", "flat|slit|edge", soft_flat),
    attack("flat of SLIT5.0", "slit", set_cards, cards={"ESO INS NISE NAME": "SLIT5.0", "ESO INS VISE NAME": "SLIT5.0"}, tag="MASTER_FLAT"),
    attack("lines of an order 2 px off", "order|shift|flexure", move_lines, orders=1),
    attack("lines of five orders 2 px off", "order|shift|flexure", move_lines, "NIR", orders=5),
    attack("second star 30 % at 3 arcsec", "object|companion", companion, share=0.3, arcsec=3.0),
    attack("second star 5 % at 2 arcsec", "object|companion", companion, share=0.05, arcsec=2.0),
    attack("target / 10", "", FrameSet.thin, kept=0.1),
    attack("target / 100", "object|faint|no ", FrameSet.thin, kept=0.01),
    attack("target at +5.2 arcsec", "end|slit|edge", to_the_end, arcsec=6.1),
    attack("no target", "no object|object", FrameSet.thin, kept=0.0),
    attack("slit BLANK", "BLANK|slit", set_cards, cards={"ESO INS NISE NAME": "BLANK", "ESO INS VISE NAME": "BLANK"}),
    attack("rotator 20 deg turned", "rotator|turned", set_cards, cards={"ESO ADA ABSROT END": 20.0}),
    missing("ESO INS NISE NAME", "ESO INS VISE NAME", word="slit"),
    missing("ESO ADA ABSROT END", word=""),
    missing("ESO TEL AIRM START", "ESO TEL AIRM END", word="air"),
    missing("MJD-OBS", word="MJD|time|date"),
    missing("ESO INS TEMP217 VAL", "ESO INS TEMP104 VAL", "ESO INS TEMP301 VAL", word=""),
    missing("EXPTIME", word="EXPTIME|time"),
    missing("RA", "DEC", word=""),
    missing("ESO DET CHIP RON", word="read noise"),
    missing("ESO DET OUT1 CONAD", "ESO DET OUT1 GAIN", word="gain|CONAD"),
    missing("ESO SEQ ARM", word="arm|ARM"),
    missing("ESO DPR TYPE", "ESO DPR CATG", "ESO DPR TECH", word="DPR"),
    attack("the same exposure three times", "same|twice|copy|copies|identical", copies, count=3),
    attack("exposure of another target", "target|another|OBJECT", two_targets),
)
"""Every attack; the first is the set as it is."""
