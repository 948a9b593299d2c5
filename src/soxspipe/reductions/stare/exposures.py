"""Which exposures are averaged as pixels and which as spectra, and what became of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, combinations, pairwise

import numpy as np

from soxspipe.algorithms.exposures.agreement import TURNED_DEG, angle_between, group_exposures, line_shift
from soxspipe.algorithms.exposures.align import align_order
from soxspipe.algorithms.exposures.combine import combine_order
from soxspipe.algorithms.exposures.common_noise import common_variance, shared_pixels
from soxspipe.algorithms.exposures.quick_look import QuickLook, look_at, sample_rows, sample_strips, strip_beside
from soxspipe.algorithms.exposures.throughput import (
    LightRatio,
    clear_exposures,
    constant_ratio,
    images_with_common_wings,
    measure_ratio,
    round_transmission,
    transmissions_that_differ,
)
from soxspipe.algorithms.objects.moffat import Moffat
from soxspipe.algorithms.objects.shared_host import HostRows
from soxspipe.algorithms.spectra.flat_structure import remove_flat_structure
from soxspipe.datamodel.arrays import FloatArray
from soxspipe.datamodel.exposure_record import ExposureRecord
from soxspipe.datamodel.spectrum import OrderSpectrum
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.prepared import PreparedSet

SAY_LIGHT = 0.8
"""What is worth a word to the user: a loss of light that a plain mean would not have borne."""
AS_DEEP = 0.7
"""Groups with this share of the deepest one's signal-to-noise, squared, count as equally deep."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """Quick looks and groups of exposures, the deepest that does not have too many full wells first.

    `fuller` are exposures with more full wells than others have, and how many: the others stand in at their wavelengths.  Those of
    `blurred` have so many that their image is not known, and with it how much of the light passed the slit.
    """

    looks: tuple[QuickLook, ...]
    groups: tuple[tuple[int, ...], ...]
    fuller: Mapping[int, int] = field(default_factory=dict)
    blurred: frozenset[int] = frozenset()

    @property
    def note(self) -> str:
        """For the step report."""
        if len(self.groups) == 1:
            return "they agree, their pixels are averaged" if len(self.groups[0]) > 1 else "one exposure"
        return f"they differ: {len(self.groups)} groups are solved on their own and combined as spectra"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupSpectra:
    """Spectra of one group of exposures; `masters` is the part of each spectrum's variance that bias, dark and flat make.

    `host_rows` is what they tell of a host, where that is decided on all groups together; `lost` has orders without a sky, and why.
    """

    exposures: tuple[int, ...]
    spectra: tuple[OrderSpectrum, ...]
    covariances: tuple[FloatArray, ...]
    fwhm_arcsec: float
    position_arcsec: float
    seeing: Moffat | None
    masters: tuple[FloatArray, ...]
    host_rows: HostRows | None = None
    lost: Mapping[int, str] = field(default_factory=dict)

    def star_width(self, wavelength_nm: float) -> float:
        """FWHM of the object's light along the slit at a wavelength, arcsec, without what pixels add; as fitted if it has no shape."""
        if self.seeing is None:
            return self.fwhm_arcsec
        return self.seeing.width_arcsec * float(wavelength_nm / self.seeing.pivot_nm) ** self.seeing.slope

    def masters_at(self, reference: OrderSpectrum) -> FloatArray:
        """The masters' part at the wavelengths of another exposure; 0 of an order that this one has not."""
        for one, variance in zip(self.spectra, self.masters, strict=True):
            if one.order == reference.order:
                return np.interp(reference.wavelength_nm, one.wavelength_nm, variance)
        return np.zeros(reference.wavelength_nm.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combination:
    """The spectrum of all exposures, what became of each, and orders that none of them has, and why."""

    spectra: tuple[OrderSpectrum, ...]
    covariances: tuple[FloatArray, ...]
    records: tuple[ExposureRecord, ...]
    warnings: tuple[str, ...]
    lost: Mapping[int, str]


def plan_exposures(ready: PreparedSet) -> Plan:
    """Look at every exposure and sort those that agree together."""
    if len(ready.exposures) == 1:
        return Plan(looks=(), groups=((0,),))
    masters = ready.inputs.masters
    n_columns, half_slit_arcsec = ready.exposures[0].shape[1], ready.windows[0].half_slit_arcsec
    samples = sample_rows(ready.windows, masters, n_columns)
    first = look_at(ready.exposures[0], ready.windows, masters, samples)
    # the sky of all is looked at where that of the first was, so that lines are compared at one place
    strips = sample_strips(ready.windows, masters, n_columns, strip_beside(first.position_arcsec, half_slit_arcsec))
    looks = [first, *(look_at(exposure, ready.windows, masters, samples, strips) for exposure in ready.exposures[1:])]
    noises = [noise.used_e for noise in ready.noise.exposures]
    times = [(exposure.exptime_s, exposure.integrations) for exposure in ready.exposures]
    groups = group_exposures(looks, noises, times, _rotators(ready))
    blurred = frozenset(number for number in range(len(looks)) if len(groups) > 1 and ready.is_too_full(number))
    if len(blurred) == len(looks):
        blurred = frozenset()
    depth = [0.0 if blurred.intersection(group) else _depth(group, looks, times) for group in groups]
    # of groups about as deep the earliest gives the pixels, so that noise does not decide which
    deep = [depth[place] >= AS_DEEP * max(depth) for place in range(len(groups))]
    order = sorted(range(len(groups)), key=lambda place: (0, place) if deep[place] else (1, -depth[place]))
    fuller = ready.fuller if len(groups) > 1 else {}
    return Plan(looks=tuple(looks), groups=tuple(tuple(groups[place]) for place in order), fuller=fuller, blurred=blurred)


def inputs_of_group(numbers: Sequence[int], ready: PreparedSet, plan: Plan) -> StareInputs:
    """The inputs with the exposures of one group; a position that the user named moves with the object."""
    inputs = replace(ready.inputs, raw=tuple(ready.inputs.raw[number] for number in numbers))
    if inputs.object_slit_arcsec is None or not plan.looks:
        return inputs
    moved = plan.looks[numbers[0]].position_arcsec - plan.looks[plan.groups[0][0]].position_arcsec
    return replace(inputs, object_slit_arcsec=inputs.object_slit_arcsec + (moved if np.isfinite(moved) else 0.0))


def without_flat_structure(groups: Sequence[GroupSpectra]) -> tuple[list[GroupSpectra], dict[int, float]]:
    """The groups without structure of the flat, which is measured on all together, and its rms in every order (empty: none was found)."""
    cleaned = remove_flat_structure(
        [one for group in groups for one in group.spectra], [one for group in groups for one in group.covariances]
    )
    ends = [0, *accumulate(len(group.spectra) for group in groups)]
    pieces = [slice(*both) for both in pairwise(ends)]
    return [
        replace(group, spectra=cleaned.spectra[piece], covariances=cleaned.covariances[piece])
        for group, piece in zip(groups, pieces, strict=True)
    ], cleaned.rms


def combine_groups(
    groups: Sequence[GroupSpectra], plan: Plan, ready: PreparedSet, failures: Sequence[tuple[tuple[int, ...], str]] = ()
) -> Combination:
    """Combine the spectra of the groups, which were all solved on their own.

    Parameters
    ----------
    groups : sequence of GroupSpectra
        The first is the reference: its pixels and wavelengths are kept; of an order that it lost, those of the first that has it.
    plan : Plan
        Quick looks and groups.
    ready : PreparedSet
        The exposures.
    failures : sequence of tuple
        Exposures of groups that could not be solved, and why.
    """
    reference = groups[0]
    if len(plan.groups) == 1:  # where others were left out, what is left is brought to the level of a mean exposure
        spectra, covariances = reference.spectra, reference.covariances
        shares, ratios = [1.0], [constant_ratio(1.0)]
    else:
        orders = _all_orders(groups)
        aligned = [_aligned(group, orders) for group in groups]
        ratios = _light(groups, [spectra for spectra, _ in aligned], plan, ready)
        overlap = shared_pixels([group.position_arcsec for group in groups], [group.fwhm_arcsec for group in groups])
        combined = [
            combine_order(
                [spectra[place] for spectra, _ in aligned],
                [covariances[place] for _, covariances in aligned],
                [ratio.at(one.wavelength_nm) for ratio in ratios],
                partial(common_variance, np.stack([group.masters_at(one) for group in groups]), overlap=overlap),
            )
            for place, (one, _) in enumerate(orders)
        ]
        spectra, covariances = tuple(one.spectrum for one in combined), tuple(one.covariance for one in combined)
        shares = list(np.mean(np.concatenate([one.share[:, one.share.sum(axis=0) > 0] for one in combined], axis=1), axis=1))
    records = _records(groups, shares, ratios, plan, ready, failures)
    delivered = {one.order for one in spectra}
    return Combination(
        spectra=spectra,
        covariances=covariances,
        records=records,
        warnings=(
            *_rotation(ready),
            *_warnings(records, len(groups)),
            *_full_wells(plan, groups, ready),
            *_lost_orders(groups, delivered, ready),
        ),
        lost={order: reason for order, reason in reference.lost.items() if order not in delivered},
    )


def _rotators(ready: PreparedSet) -> list[float | None]:
    """Angle of the rotator in every exposure."""
    return [raw.observation.rotator_deg for raw in ready.inputs.raw]


def _rotation(ready: PreparedSet) -> Iterator[str]:
    """A rotator that turned so far that flexure has not one value for the set."""
    turns = [angle_between(one, other) for one, other in combinations(_rotators(ready), 2)]
    known = [turn for turn in turns if np.isfinite(turn)]
    if known and max(known) > TURNED_DEG:
        yield f"the rotator turned by {max(known):.0f} degrees between exposures, which flexure follows; they were solved on their own"


def _depth(group: Sequence[int], looks: Sequence[QuickLook], times: Sequence[tuple[float, float]]) -> float:
    """Signal-to-noise of a group, squared, up to a factor."""
    first = looks[group[0]]
    light = first.throughput if np.isfinite(first.throughput) and first.throughput > 0 else 0.0
    return len(group) * (times[group[0]][0] * times[group[0]][1] * 1e-6 + light**2 / max(first.sky, 10.0) / max(first.width_arcsec, 0.3))


def _all_orders(groups: Sequence[GroupSpectra]) -> list[tuple[OrderSpectrum, FloatArray]]:
    """Every order, and its covariance, of the first group that has it."""
    found: dict[int, tuple[OrderSpectrum, FloatArray]] = {}
    for group in groups:
        for one, covariance in zip(group.spectra, group.covariances, strict=True):
            found.setdefault(one.order, (one, covariance))
    return [found[order] for order in sorted(found)]


def _aligned(
    group: GroupSpectra, orders: Sequence[tuple[OrderSpectrum, FloatArray]]
) -> tuple[tuple[OrderSpectrum, ...], tuple[FloatArray, ...]]:
    """A group's orders on the wavelengths of others; orders that it has not hold no sample."""
    own = {one.order: (one, covariance) for one, covariance in zip(group.spectra, group.covariances, strict=True)}
    moved = []
    for one, covariance in orders:
        if one.order in own and own[one.order][0] is one:
            moved.append((one, covariance))
        elif one.order in own:
            moved.append(align_order(*own[one.order], one))
        else:
            empty = replace(one, flux=np.full(one.flux.shape, np.nan), variance=np.full(one.flux.shape, np.inf))
            moved.append((empty, np.zeros(covariance.shape)))
    return tuple(one for one, _ in moved), tuple(covariance for _, covariance in moved)


def _light(
    groups: Sequence[GroupSpectra], aligned: Sequence[tuple[OrderSpectrum, ...]], plan: Plan, ready: PreparedSet
) -> list[LightRatio]:
    """Light of each group over that of a mean exposure through clear air and the mean of all slit transmissions that are known."""
    exposures, observation = ready.exposures, ready.inputs.observation
    times = [exposures[group.exposures[0]].exptime_s for group in groups]
    measured = [
        constant_ratio(1.0) if group is groups[0] else measure_ratio(spectra, aligned[0], time / times[0])
        for group, spectra, time in zip(groups, aligned, times, strict=True)
    ]
    per_second = np.array([ratio.mean * times[0] / time for ratio, time in zip(measured, times, strict=True)])
    errors = np.array([ratio.error * times[0] / time for ratio, time in zip(measured, times, strict=True)])
    number = np.array([0.0 if plan.blurred.intersection(group.exposures) else len(group.exposures) for group in groups])

    images = images_with_common_wings([group.seeing for group in groups])

    def passed(wavelength_nm: FloatArray) -> FloatArray:
        """Transmission of the slit in every group."""
        return np.stack([round_transmission(image, wavelength_nm, observation.slit_width_arcsec) for image in images])

    wave = np.concatenate([one.wavelength_nm for one in aligned[0]])
    middle = passed(np.array([np.median(wave)]))[:, 0]
    known = number > 0
    clear = np.zeros(number.size, dtype=bool)
    clear[known] = clear_exposures(list(per_second[known]), list(errors[known]), list(middle[known]))
    counted = clear | transmissions_that_differ(middle, clear)

    def level(wavelength_nm: FloatArray) -> FloatArray:
        """Light per second of the exposures through clear air, brought to the mean transmission of the slit."""
        rates = np.stack([ratio.at(wavelength_nm) * times[0] / time for ratio, time in zip(measured, times, strict=True)])
        shares = passed(wavelength_nm)
        clear_passed = np.average(shares, axis=0, weights=number * clear)
        mean_passed = np.average(np.where(counted[:, None], shares, clear_passed), axis=0, weights=number)
        return np.asarray(np.average(rates, axis=0, weights=number * clear) * mean_passed / clear_passed)

    centre, half = 0.5 * (wave.min() + wave.max()), max(0.5 * float(np.ptp(wave)), 1e-6)
    grid = np.linspace(-1.0, 1.0, 9)
    target = level(centre + half * grid) * observation.exptime_s / times[0]
    return [_divided(ratio, grid, centre, half, target) for ratio in measured]


def _divided(ratio: LightRatio, grid: FloatArray, centre_nm: float, half_nm: float, target: FloatArray) -> LightRatio:
    """A ratio over another one, given on a grid; both are slow polynomials."""
    values = ratio.at(centre_nm + half_nm * grid) / target
    coefficients = np.polynomial.polynomial.polyfit(grid, values, 4)
    mean = float(values.mean())
    return LightRatio(
        coefficients=coefficients, centre_nm=centre_nm, half_nm=half_nm, mean=mean, error=ratio.error * mean / max(ratio.mean, 1e-9)
    )


def _records(
    groups: Sequence[GroupSpectra],
    shares: Sequence[float],
    ratios: Sequence[LightRatio],
    plan: Plan,
    ready: PreparedSet,
    failures: Sequence[tuple[tuple[int, ...], str]],
) -> tuple[ExposureRecord, ...]:
    """One line an exposure, in the order of time."""
    mean_time = ready.inputs.observation.exptime_s
    found = []
    for place, (group, share, ratio) in enumerate(zip(groups, shares, ratios, strict=True)):
        for number in group.exposures:
            found.append((number, _record(number, plan, ready, place, group, share / len(group.exposures), ratio.mean * mean_time)))
    for numbers, reason in failures:
        found += [(number, replace(_record(number, plan, ready, -1, None, 0.0, float("nan")), left_out=reason)) for number in numbers]
    return tuple(record for _, record in sorted(found, key=lambda entry: entry[0]))


def _record(
    number: int, plan: Plan, ready: PreparedSet, place: int, group: GroupSpectra | None, weight: float, light_s: float
) -> ExposureRecord:
    raw, exposure = ready.inputs.raw[number], ready.exposures[number]
    look = plan.looks[number] if plan.looks else None
    own = look is not None and np.isfinite(look.position_arcsec)
    position = look.position_arcsec if look is not None and own else (group.position_arcsec if group is not None else float("nan"))
    lines = 0.0 if look is None else line_shift(look.strips, plan.looks[0].strips, exposure.detector.read_noise_e)[0]
    return ExposureRecord(
        name=raw.name,
        mjd=raw.observation.mjd,
        exptime_s=exposure.exptime_s,
        integrations=int(exposure.integrations),
        position_arcsec=float(position),
        seeing_arcsec=float("nan") if group is None else group.fwhm_arcsec,
        throughput=light_s / exposure.exptime_s,
        sky_e=float("nan") if look is None else look.sky,
        lines_px=lines,
        weight=float(weight),
        group=place,
    )


def _warnings(records: Sequence[ExposureRecord], n_groups: int) -> tuple[str, ...]:
    """What the user should know of exposures that differ."""
    said = []
    if n_groups > 1:
        said.append(f"the exposures do not agree ({_range_text(records)}); they were solved on their own and combined as spectra")
    dim = [record for record in records if record.throughput < SAY_LIGHT and not record.left_out]
    said += [
        f"{record.name}: gathered {100 * record.throughput:.0f} % of the light of a clear exposure; it has {100 * record.weight:.1f} % of the weight"
        for record in dim
    ]
    said += [f"{record.name}: left out, {record.left_out}" for record in records if record.left_out]
    return tuple(said)


def _full_wells(plan: Plan, groups: Sequence[GroupSpectra], ready: PreparedSet) -> Iterator[str]:
    """Exposures whose full wells others make good."""
    for number, full in plan.fuller.items():
        if any(number in group.exposures for group in groups):
            yield (
                f"{ready.inputs.raw[number].name}: {full} pixels are saturated; the spectrum has their wavelengths from exposures that are less so"
            )


def _lost_orders(groups: Sequence[GroupSpectra], delivered: Collection[int], ready: PreparedSet) -> Iterator[str]:
    """Orders that some exposures have not, and whether others stand in."""
    for group in groups:
        names = ", ".join(ready.inputs.raw[number].name for number in group.exposures)
        for order, reason in group.lost.items():
            rest = "; the spectrum has it from the other exposures" if order in delivered else ""
            yield f"order {ready.inputs.arm.label(order)} of {names} was left out: {reason}{rest}"


def _range_text(records: Sequence[ExposureRecord]) -> str:
    used = [record for record in records if not record.left_out]
    positions = [record.position_arcsec for record in used if np.isfinite(record.position_arcsec)]
    parts = []
    if positions and max(positions) - min(positions) > 0.05:
        parts.append(f'object at {min(positions):+.2f}" to {max(positions):+.2f}"')
    light = [record.throughput for record in used]
    if max(light) - min(light) > 0.02:
        parts.append(f"light {100 * min(light):.0f} to {100 * max(light):.0f} %")
    times = [record.exptime_s for record in used]
    if max(times) - min(times) > 0.01 * max(times):
        parts.append(f"{min(times):g} to {max(times):g} s")
    widths = [record.seeing_arcsec for record in used if np.isfinite(record.seeing_arcsec)]
    if widths and max(widths) - min(widths) > 0.05 * max(widths):
        parts.append(f'image {min(widths):.2f}" to {max(widths):.2f}" wide')
    lines = [record.lines_px for record in used]
    if max(lines) - min(lines) > 0.05:
        parts.append(f"sky lines moved by {max(lines) - min(lines):.2f} px")
    return ", ".join(parts) or "in what a quick look sees"
