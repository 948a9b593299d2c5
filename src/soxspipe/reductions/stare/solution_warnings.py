"""What the user is told about the solution: objects, their light, the slit, wavelengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soxspipe.algorithms.extraction.horne_extraction import ExtractedOrder
from soxspipe.algorithms.extraction.reject_outliers import PROFILE_TOLERANCE
from soxspipe.algorithms.extraction.solve_orders import SolvedOrders
from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.objects.host_light import one_sided
from soxspipe.algorithms.objects.object_profile import ObjectProfile
from soxspipe.algorithms.orders.dark_lines import DarkLine
from soxspipe.algorithms.orders.slit_offset import LEAST_PX
from soxspipe.algorithms.orders.windows import rows_px_per_arcsec
from soxspipe.datamodel.detector import Arm
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.models import WavelengthShift
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.remark import Remark
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.spectrum import FluxedSpectrum, ResponseCurve
from soxspipe.datamodel.trace import ObjectTrace, SlitSource
from soxspipe.qc.slit_metrics import orders_over_the_end
from soxspipe.reductions.stare.frame_images import uneven_wavelengths
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.wavelengths import shift_warnings

MOST_NAMED = 8
"""Wavelengths in a warning."""
DOUBT_SAID = 0.005
"""Part of the flux below which an uncertainty of the host is not worth a word."""
PROFILE_SAID = 0.015
"""Part of the flux; less is within what a flux calibration is good to, and what stars in usual seeing show (AB 18 and brighter)."""
LOST_SAID = 0.2
"""Of the object's light: less on bad columns and rows beside the slit's end is filled in from the profile to a per cent."""
CORE = 0.7
"""Of the image's peak: where the last row holds more, the peak is within a quarter of the width, no flank is seen beyond it, and it may lie further out."""
PLACE_ARCSEC = 0.05
"""Error of the place of an object whose image is cut off (docs/decisions/light_between_the_ends.md)."""
UNSURE_SAID = 0.02
"""Of the flux: less is within what a flux calibration is good to."""
GIVEN_BACK_ERROR = 0.03
"""Of the flux, rms of ten simulated scenes with a star of the off-frame within the object's image."""
BESIDE_ERROR = 0.02
"""The same of stars beside it: 1 to 2 %."""
SAMPLE_ROWS = 100
"""Of an order: enough for a median."""
ORDER_LIMIT_PX = 1.0
"""Orders move together; one that differs by more was seen wrongly, or its map is."""
USUAL_PX = 11.0
"""Three arcsec, the largest motion seen on sky."""
SLIT_COLOUR_SAID = 0.03
"""Between the ends of an arm: as much as a flux calibration is good to."""
SLIT_LOSS_SAID = 0.05
"""Through another slit than the standard's, a difference of light that a flux calibration to a few per cent does not bear."""


def slit_loss_warnings(fluxed: FluxedSpectrum | None, response: ResponseCurve | None, observation: Observation) -> Iterator[str]:
    """A standard seen through another slit, which let more of its light through, or less."""
    if fluxed is None or response is None or fluxed.slit_loss_ratio is None or response.slit_width_arcsec is None:
        return
    slit, ratio = observation.slit_width_arcsec, fluxed.slit_loss_ratio
    if slit != response.slit_width_arcsec and abs(ratio - 1.0) > SLIT_LOSS_SAID:
        yield (
            f'the standard behind the response was seen through a slit of {response.slit_width_arcsec:g}", the object through {slit:g}"; '
            f"by the seeing {ratio:.2f} +- {fluxed.slit_loss_error:.2f} times as much of its light came through; "
            + ("fluxes are corrected for it" if fluxed.slit_loss_applied else _off_by(fluxed))
        )


def _off_by(fluxed: FluxedSpectrum) -> str:
    """What a loss that is not taken out does to the fluxes, and to their colours."""
    ratio, ends = fluxed.slit_loss_ratio or 1.0, fluxed.slit_loss_ends
    colour = ""
    if abs(ends[1] / ends[0] - 1.0) > SLIT_COLOUR_SAID:
        first, last = (f"{100 * (end - 1.0):+.0f} %" for end in ends)
        colour = f" ({first} at the blue end, {last} at the red one)"
    return f"fluxes are {100 * abs(ratio - 1.0):.0f} % too {'low' if ratio < 1.0 else 'high'}{colour} and not corrected (--slit-loss does)"


def host_warnings(host: HostLight | None) -> Iterator[str]:
    """Light that no point source explains."""
    if host is None or (not host.taken and host.doubt < DOUBT_SAID):
        return
    if not host.taken:
        yield (
            f"light around the object may be a host's or its own wings ({host.significance:.1f} sigma); it was left in: "
            f"if it is a host's, the flux is up to {100 * host.doubt:.0f} % too high"
        )
        return
    doubt = f"; its shape leaves {100 * host.doubt:.0f} % of the object's flux uncertain" if host.doubt >= DOUBT_SAID else ""
    yield (
        f'light of a host {host.size_arcsec:.1f}" wide under the object, {100 * host.share:.0f} % of its own, was taken off '
        f"({host.significance:.0f} sigma against a point source of any shape{doubt}); set subtract_host to false to keep it"
    )


def profile_warnings(profile: ObjectProfile) -> Iterator[str]:
    """An object whose image guiding smeared, or that is too faint for its image to be known."""
    if profile.moffat is not None and len(profile.moffat.places) > 1:
        share, away = profile.moffat.apart
        other = f"; {100 * share:.0f} % of its light stands {away:.1f}\" from the rest and may be another object's" if share else ""
        yield (
            f"the object's image is lopsided, drawn out or doubled along the slit, as bad guiding makes it{other}; how far its wings reach "
            f"is then known less well, which leaves {100 * profile.flux_error:.1f} % of all fluxes uncertain"
        )
    elif profile.flux_error >= PROFILE_SAID:
        yield (
            "the wings of the object's image along the slit are not well known (it is too faint for its seeing to show them, they are not as "
            f"stars have them, or faint light beside it bent the sky), which leaves {100 * profile.flux_error:.2g} % of all fluxes uncertain"
        )


def lost_image_warnings(orders: Sequence[ExtractedOrder], arm: Arm) -> Iterator[str]:
    """Orders in which a part of the object's image lies on rows that cannot be used, the unlit end of a slit that has moved, say."""
    images = {order.data.window.order: _seen_image(order) for order in orders}
    much = [number for number, image in images.items() if image.lost > LOST_SAID]
    if much:
        share = max(image.lost for image in images.values())
        yield (
            f"up to {100 * share:.0f} % of the object's image lies on rows that cannot be used in {arm.named(much)}: fluxes there "
            "rest on what is known of the image from other orders and may be wrong by as much"
        )
    cut = [number for number, image in images.items() if image.core_cut]
    if cut:
        yield (
            f"the object's core stands where the rows end that both the slit and the flat light, in {arm.named(cut)}: where it is brightest "
            "may not be seen; fluxes may be wrong by ten per cent, and several times too low if the core lies beyond these rows"
        )
    unsure = {number: image.uncertain for number, image in images.items() if image.uncertain > UNSURE_SAID and number not in {*much, *cut}}
    if unsure:
        yield (
            f"rows that both the slit and the flat light end within the object's image in {arm.named(list(unsure))}: fluxes there rest on its "
            f"place, and may be wrong by {100 * max(unsure.values()):.0f} %"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeenImage:
    """The object's image in an order: the share that is lost, whether its core is cut off, and what its place leaves uncertain of the flux."""

    lost: float = 0.0
    core_cut: bool = False
    uncertain: float = 0.0


def _seen_image(order: ExtractedOrder) -> _SeenImage:
    """How much of the object's image is seen; where it ends matters alone where the slit has moved: the rest is not let through."""
    window = order.data.window
    rows = slice(None, None, max(order.shares.shape[0] // SAMPLE_ROWS, 1))
    good = order.data.good[rows]
    seen = np.where(good, order.shares[rows], 0.0)
    sums = seen.sum(axis=1)
    lit = order.shares[rows].any(axis=1) & (sums > 0)
    if not lit.any():
        return _SeenImage(lost=1.0 if order.shares[rows].any() else 0.0)
    lost = 1.0 - float(np.median(sums[lit]))
    if window.lit_arcsec is None:
        return _SeenImage(lost=lost)
    here = np.flatnonzero(lit)
    ends = np.argmax(good[here], axis=1), good.shape[1] - 1 - np.argmax(good[here, ::-1], axis=1)
    at_end = np.max([seen[here, end] for end in ends], axis=0)
    per_arcsec = at_end * np.abs(rows_px_per_arcsec(window)[rows][here]) / sums[here]
    return _SeenImage(
        lost=lost,
        core_cut=bool(np.median(at_end / seen[here].max(axis=1)) > CORE),
        uncertain=PLACE_ARCSEC * float(np.median(per_arcsec)),
    )


def slit_end_warnings(trace: ObjectTrace, arm: Arm, *, is_standard: bool) -> Iterator[str]:
    """An object that stands at the end of the slit, or beyond it."""
    over = orders_over_the_end(trace, arm.half_slit_arcsec)
    if one_sided(trace, arm.half_slit_arcsec) and not trace.forced and not is_standard:
        yield Remark("the object stands nearer to the slit's end than it is wide: no host is looked for, which its two sides would tell")
    if over and not trace.forced:
        yield (
            f"the object stands over the end of the slit in {arm.named(over)}: a part of its image is cut off, so that its place, its "
            "wavelengths and its flux are not well known there; fluxes may be wrong by ten per cent and more"
            + ("; a response made of them is too high for stars elsewhere on the slit, and marked so" if is_standard else "")
        )


def dark_line_warnings(lines: Sequence[DarkLine], arm: Arm) -> Iterator[str]:
    """Detector lines that lost their light since the flat."""
    if not lines:
        return
    places = ", ".join(
        f"{arm.slit_axis} = {line.slit_px} ({arm.dispersion_axis} {line.first} to {line.stop - 1})" for line in lines[:MOST_NAMED]
    )
    yield (
        f"pixels at {places + (' and others' if len(lines) > MOST_NAMED else '')} show less light than both neighbours, though no calibration "
        "marks them: a charge trap, or dead since the flat; they were left out"
    )


def flat_warnings(structure: Mapping[int, float], arm: Arm) -> Iterator[str]:
    """A flat whose structure came back in the spectrum."""
    if not structure:
        return
    worst = max(structure, key=lambda order: structure[order])
    yield (
        f"structure of the flat came back in the spectrum (rms up to {100 * structure[worst]:.1f} %, in order {arm.label(worst)}): the flat has "
        "errors, or its fringes lie elsewhere; it was taken out, and what is not known of it is in the errors"
    )


def rejection_warnings(solved: SolvedOrders, arm: Arm) -> Iterator[str]:
    """Orders in which the object does not have its profile."""
    wide = [order.data.window.order for order in solved.orders if order.rejection.tolerance > PROFILE_TOLERANCE]
    if wide:
        yield (
            f"more of the object's own pixels than cosmic rays can strike differ from its profile in {arm.named(wide)}; they were kept: "
            "look at trace and profile"
        )


def slit_warnings(slit: SlitOffset, arm: Arm) -> Iterator[str]:
    """A slit whose image lies off the flat's."""
    if not slit.applied:
        return
    moved = ", ".join(f"order {arm.label(order)} {one.px:+.1f} px" for order, one in slit.orders.items() if abs(one.px) > LEAST_PX)
    where = f"{slit.px:+.1f} px" if abs(slit.px) > LEAST_PX else f"in places ({moved})"
    yield Remark(
        f"the slit's image lies {where} off the flat's and the dispersion map's along the slit; slit positions follow it, and rows that are "
        "not lit in both are left out"
    )
    if abs(slit.px) > USUAL_PX:
        yield f"that is more than has ever been seen ({USUAL_PX:.0f} px): is the flat of this slit and night?"
    odd = [order for order, one in slit.orders.items() if abs(one.px - slit.px) > max(ORDER_LIMIT_PX, 4.0 * one.error_px)]
    if odd:
        yield (
            "the slit's edges in order "
            + ", ".join(f"{arm.label(order)} ({slit.of(order):+.1f} px)" for order in odd)
            + " moved differently"
        )


def off_star_warnings(star: SlitSource | None, target: SlitSource | None) -> list[str]:
    """What is told of a star of the off-frame within the object's image."""
    if star is None or target is None:
        return []
    apart = abs(star.slit_arcsec - target.slit_arcsec)
    return [
        f'a star of the off-frame lies {apart:.1f}" from the object; its light was measured in the off-frame and given back, '
        f"which leaves about {100 * GIVEN_BACK_ERROR:.0f} % of the flux uncertain, more where orders are faint"
    ]


def off_star_error(star: SlitSource | None, found: FoundObject) -> float:
    """Relative error of all fluxes that a star of the off-frame leaves, given back or fitted beside the object; 0 without one."""
    if star is not None:
        return GIVEN_BACK_ERROR
    return BESIDE_ERROR if any(source.relative_flux < 0 for source in found.sources) else 0.0


def uneven_warnings(wavelengths_nm: Sequence[float]) -> Iterator[str]:
    """Lines that change along the slit; a remark where it is one, as one frame in seven without any such lines shows."""
    if not wavelengths_nm:
        return
    places = ", ".join(f"{nm:.1f}" for nm in wavelengths_nm[:MOST_NAMED]) + (" and others" if len(wavelengths_nm) > MOST_NAMED else "")
    said = f"sky lines at {places} nm change along the slit; what a polynomial along the slit does not follow is in the errors"
    yield Remark(said) if len(wavelengths_nm) == 1 else said


def solution_warnings(
    found: FoundObject,
    inputs: StareInputs,
    solved: SolvedOrders,
    slit: SlitOffset,
    shift: WavelengthShift | None,
) -> tuple[str, ...]:
    """All that is to be said of objects, host, slit, wavelengths and lines."""
    said: list[str] = []
    if found.source is None:
        where = "the position given" if inputs.object_slit_arcsec is not None else "the slit centre"
        said.append(
            f"no object stands out of the noise (strongest peak {found.significance:.1f} sigma); the spectrum is a forced extraction at {where}"
        )
    said.extend(
        f'a star of the off-frame lies at {s.slit_arcsec:+.1f}" on the slit; it was masked and fitted as an object of negative light, '
        f"which leaves about {100 * BESIDE_ERROR:.0f} % of the flux uncertain, more where orders are faint"
        for s in found.sources
        if s.relative_flux < 0
    )
    if sum(s.relative_flux >= 0 for s in found.sources) > 1:
        others = ", ".join(
            f'{s.slit_arcsec:+.1f}" ({100 * s.relative_flux:.0f} % of the brightest)'
            for s in found.sources
            if s is not found.source and s.relative_flux >= 0
        )
        said.append(f"more than one object on the slit, also at {others}")
    said.extend(host_warnings(solved.host))
    said.extend(profile_warnings(solved.profile))
    said.extend(slit_warnings(slit, inputs.arm))
    said.extend(lost_image_warnings(solved.orders, inputs.arm))
    said.extend(slit_end_warnings(solved.trace, inputs.arm, is_standard=inputs.is_standard))
    said.extend(rejection_warnings(solved, inputs.arm))
    said.extend(shift_warnings(shift, inputs.arm, is_standard=inputs.is_standard))
    said.extend(uneven_warnings(uneven_wavelengths(solved)))
    return tuple(said)
