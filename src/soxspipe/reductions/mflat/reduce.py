"""The flat recipe's algorithm: flats in, master flat out; one line a box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.calibration.combine import NoiseModel, combine
from soxspipe.algorithms.calibration.combine_flats import LampFlat, combine_lamp
from soxspipe.algorithms.calibration.flat_layout import Layout, make_layout
from soxspipe.algorithms.calibration.frame_noise import clipped_mean, level_offsets
from soxspipe.algorithms.calibration.master_flat import MasterFlat, make_master_flat
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.raw_calibration import RawCalibration
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.reductions.mflat.inputs import MflatInputs
from soxspipe.reductions.mflat.result import MflatResult
from soxspipe.reductions.progress import Done
from soxspipe.settings.mflat import MflatSettings

PREFERRED = ("QTH", "QTH+D2", "DOME", "D2")
"""Lamps in the order in which the main one is chosen."""


def reduce_mflat(inputs: MflatInputs, settings: MflatSettings, done: Done) -> MflatResult:
    """Combine flats to one, with edges, defects and factors of the light."""
    layout = make_layout(inputs.order_table, inputs.detector.shape, inputs.detector.binning)
    lamps = _combine_lamps(inputs, _background(inputs, settings, done), layout, settings)  # nobody holds the background any longer
    done("combine", ", ".join(f"{lamp.lamp}: {len(lamp.frame_names)} flats of {np.median(lamp.levels_e):.0f} electrons" for lamp in lamps))
    master = make_master_flat(
        lamps, inputs.order_table, layout, inputs.bad_pixels, settings.flat, subtract_background=settings.subtract_background,
        joins=inputs.joins,
    )  # fmt: skip
    done("edges and response", f"{len(master.orders) - len(master.blocked)} orders, edges followed to {master.table_misfit_px:.3f} px")
    return MflatResult(master=master, warnings=_warnings(inputs, master, lamps))


def _background(inputs: MflatInputs, settings: MflatSettings, done: Done) -> AnyFrame:
    """What flats hold beside the lamp's light."""
    if inputs.master is not None:
        done("background", "from the master")
        return inputs.master
    sample = inputs.off[0].electrons(0, min(256, inputs.detector.shape[0]))
    offsets = level_offsets(inputs.off)
    floor = clipped_mean(sample.ravel()) - offsets[0]
    noise = NoiseModel(read_e=inputs.read_noise_e, floor_e=floor, least_e=3.0 * inputs.read_noise_e / np.sqrt(len(inputs.off)))
    combined = combine(inputs.off, noise, clip_sigma=settings.flat.stacked_clipping_sigma, offsets_e=offsets.tolist())
    done("background", f"{len(inputs.off)} frames with the lamp off")
    return Frame(
        electrons=combined.electrons, variance=combined.variance, flags=combined.reasons, exptime_s=inputs.off[0].exptime_s,
        n_exposures=len(inputs.off),
    )  # fmt: skip


def _combine_lamps(inputs: MflatInputs, background: AnyFrame, layout: Layout, settings: MflatSettings) -> tuple[LampFlat, ...]:
    """The flats of every lamp that takes part: quartz, and deuterium if both are to be combined."""
    sets: dict[str, list[RawCalibration]] = {}
    for raw in inputs.raw:
        sets.setdefault("+".join(raw.lamps), []).append(raw)
    wanted = lamps_to_use(sets, settings.flat.scale_d2_to_qth)
    return tuple(combine_lamp(lamp, sets[lamp], background, layout, inputs.read_noise_e, settings.flat) for lamp in wanted)


def lamps_to_use(sets: dict[str, list[RawCalibration]], combine_both: bool) -> tuple[str, ...]:
    """The main lamp, which has two flats or more, and deuterium beside quartz if both are combined."""
    main = next((lamp for lamp in PREFERRED if len(sets.get(lamp, [])) > 1), max(sets, key=lambda lamp: len(sets[lamp])))
    other = "D2" if main == "QTH" else "QTH" if main == "D2" else ""
    return (main, other) if combine_both and other in sets else (main,)


def _warnings(inputs: MflatInputs, master: MasterFlat, lamps: Sequence[LampFlat]) -> tuple[str, ...]:
    said = [sentence for lamp in lamps for sentence in _disagreement(lamp)]
    unused = {"+".join(raw.lamps) for raw in inputs.raw} - {lamp.lamp for lamp in lamps}
    if unused:
        said.append(f"flats of the lamp {', '.join(sorted(unused))} are not used")
    if not master.lamps_joined:
        said.append(
            "orders show the spectra of two lamps, whose scale was not measured where they meet: spectra divided by this flat jump there"
        )
    if master.blocked:
        said.append(f"no light in orders {', '.join(map(str, master.blocked))}; their edges are those of their neighbours")
    if (
        not inputs.off
        and inputs.master is not None
        and not inputs.master_is_bias
        and abs(inputs.master.exptime_s - inputs.observation.exptime_s) > 0.5
    ):
        said.append(
            f"the master dark is of {inputs.master.exptime_s:g} s, the flats of {inputs.observation.exptime_s:g} s; it is not scaled"
        )
    return tuple(said)


def _disagreement(lamp: LampFlat) -> list[str]:
    """What the flats of a lamp do not agree in."""
    agreement = lamp.agreement
    said = [f"{reason}; it is left out" for reason in agreement.rejected]
    if agreement.unlike:
        said.append(
            f"flats of the {lamp.lamp} lamp differ from each other in up to {agreement.unlike:.1%} of their lit pixels, as if the image of the slit "
            "moved from one to the next: pixels at its edges are not to be trusted"
        )
    if agreement.colour:
        said.append(
            f"the light of the {lamp.lamp} lamp changes from flat to flat by {agreement.colour:.1%} (one sigma) more in some places than in others: "
            "it was not warm, or the response bends where flats are of unequal level; lesser outliers are not seen"
        )
    return said
