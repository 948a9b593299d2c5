"""All groups of exposures solved one by one, with one decision on a host for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from soxspipe.algorithms.exposures.throughput import round_transmission
from soxspipe.algorithms.extraction.solve_orders import NO_OTHERS, HostSearch
from soxspipe.algorithms.objects.shared_host import find_shared_host
from soxspipe.datamodel.host import HostLight
from soxspipe.errors import AlgorithmError
from soxspipe.io.set_aside import set_aside
from soxspipe.reductions.progress import Done
from soxspipe.reductions.stare import notes
from soxspipe.reductions.stare.exposures import GroupSpectra, Plan
from soxspipe.reductions.stare.prepared import PreparedSet
from soxspipe.reductions.stare.solution import ShownSolution, show_solution
from soxspipe.reductions.stare.solution_warnings import host_warnings
from soxspipe.reductions.stare.solve_stack import solve_stack
from soxspipe.settings.stare import StareSettings

Hosts = Mapping[tuple[int, ...], HostLight]
"""The host as every group of exposures shows it."""
Failure = tuple[tuple[int, ...], str]
"""Exposures that could not be solved, and why."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SolvedGroups:
    """Spectra of all groups, what is shown of the first one, and which exposures could not be solved, and why."""

    groups: tuple[GroupSpectra, ...]
    main: ShownSolution
    failures: tuple[Failure, ...]


def solve_groups(ready: PreparedSet, plan: Plan, settings: StareSettings, done: Done) -> SolvedGroups:
    """Solve every group of exposures on its own.

    A host is in the sky for all exposures.  Several groups are solved without looking for one; where the light of all together shows one
    they are solved once more, and all are without it.  One that is in doubt stays in all of them.
    """
    solved = _solve_all(ready, plan, settings, done, {})
    hosts = _shared_hosts(solved.groups, ready) if len(plan.groups) > 1 else {}
    if not hosts:
        return solved
    light = hosts[solved.groups[0].exposures]
    done("find_host", notes.shared_host(light))
    if light.taken:
        del solved  # the second solution needs the memory
        return _solve_all(ready, plan, settings, _quiet, hosts)
    return replace(solved, main=replace(solved.main, host=light, warnings=(*solved.main.warnings, *host_warnings(light))))


def _solve_all(ready: PreparedSet, plan: Plan, settings: StareSettings, done: Done, hosts: Hosts) -> SolvedGroups:
    """Solve all groups with a host that is known, or with none; the first that can be solved is shown.

    Raises
    ------
    AlgorithmError
        If none can be solved.
    """
    first, main, failures = _solve_first(ready, plan, settings, done, hosts)
    others, failed = _solve_others(main, plan.groups[len(failures) + 1 :], ready, plan, settings, done, hosts)
    return SolvedGroups(groups=(first, *others), main=main, failures=(*failures, *failed))


def _solve_first(
    ready: PreparedSet, plan: Plan, settings: StareSettings, done: Done, hosts: Hosts
) -> tuple[GroupSpectra, ShownSolution, list[Failure]]:
    """Solve the first group that can be solved, whose frames are shown, and say why those before it cannot."""
    failures: list[Failure] = []
    for numbers in plan.groups[:-1]:
        try:
            return *_solve_main(numbers, ready, plan, settings, done, hosts), failures
        except AlgorithmError as error:
            failures.append((numbers, str(error)))
    return *_solve_main(plan.groups[-1], ready, plan, settings, done, hosts), failures


def _shared_hosts(groups: Sequence[GroupSpectra], ready: PreparedSet) -> Hosts:
    """The host that the light of all groups together shows, as each of them shows it; empty if there is none."""
    seen = [group.host_rows for group in groups if group.host_rows is not None]
    if len(seen) < len(groups):
        return {}
    slit = ready.inputs.observation.slit_width_arcsec
    middle = np.array([np.median(np.concatenate([one.wavelength_nm for one in groups[0].spectra]))])
    passed = [float(round_transmission(group.seeing, middle, slit)[0]) for group in groups]
    found = find_shared_host(seen, passed, slit)
    return {group.exposures: light for group, light in zip(groups, found, strict=False)}


def _search(numbers: tuple[int, ...], ready: PreparedSet, plan: Plan, hosts: Hosts) -> HostSearch:
    """How a group deals with a host: it alone decides only where it is the only one."""
    if len(plan.groups) == 1:
        return NO_OTHERS
    return HostSearch(known=hosts.get(numbers), orders_of_set=len(ready.windows))


def _solve_main(
    numbers: tuple[int, ...], ready: PreparedSet, plan: Plan, settings: StareSettings, done: Done, hosts: Hosts
) -> tuple[GroupSpectra, ShownSolution]:
    """Solve the group of exposures whose frames are shown; its solved orders end here."""
    masters = ready.inputs.masters
    main = solve_stack(numbers, ready, plan, settings, done, _search(numbers, ready, plan, hosts))
    shown = show_solution(main, ready, flattened=settings.use_flat and masters.flat is not None)
    return main.group(numbers, masters if len(plan.groups) > 1 else None), shown


def _solve_others(
    main: ShownSolution,
    groups: Sequence[tuple[int, ...]],
    ready: PreparedSet,
    plan: Plan,
    settings: StareSettings,
    done: Done,
    hosts: Hosts,
) -> tuple[list[GroupSpectra], list[Failure]]:
    """Solve every other group of exposures and keep its spectra alone; say why where that was not possible.

    Spectra wait in files: 5 MB for each exposure (NIR) would be there beside the solution of the last one.
    """
    waiting: list[Callable[[], GroupSpectra]] = []
    failures: list[Failure] = []
    for numbers in groups:
        names = ", ".join(ready.inputs.raw[number].name for number in numbers)
        try:
            group, note = _solve_other(numbers, ready, plan, settings, hosts, with_object=main.source is not None)
        except AlgorithmError as error:
            failures.append((numbers, str(error)))
            continue
        waiting.append(set_aside(group))
        del group  # before the next is solved
        done("solve_exposure", f"{names}: {note}")
    return [back() for back in waiting], failures


def _solve_other(
    numbers: tuple[int, ...], ready: PreparedSet, plan: Plan, settings: StareSettings, hosts: Hosts, *, with_object: bool
) -> tuple[GroupSpectra, str]:
    """Spectra of one group and a note of them; its solution, which takes most of the memory, ends here.

    Raises
    ------
    AlgorithmError
        If it cannot be solved, or has no object where the others have one (`with_object`).
    """
    one = solve_stack(numbers, ready, plan, settings, _quiet, _search(numbers, ready, plan, hosts))
    if one.found.source is None and with_object:
        raise AlgorithmError(f"its object does not stand out (strongest peak {one.found.significance:.1f} sigma)")
    return one.group(numbers, ready.inputs.masters), f"{notes.trace(one.found)}, FWHM {one.solved.profile.fwhm_arcsec:.2f} arcsec"


def _quiet(step: str, note: str) -> None:
    """Steps of single exposures are not told one by one."""
