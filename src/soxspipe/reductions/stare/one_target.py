"""Whether the exposures of a set are of one target, by the names and positions in their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from soxspipe.datamodel.observation import Observation
from soxspipe.errors import InputError
from soxspipe.io.headers import separation_arcsec

OTHER_PLACE_ARCSEC = 60.0
"""Five slit lengths: no offset along the slit is so large, and no pointing so bad."""
ODD_PLACE_ARCSEC = 15.0
"""More than a slit length; two nights point closer to each other than that."""


def require_one_target(names: Sequence[str], observations: Sequence[Observation]) -> tuple[str, ...]:
    """Raise if the exposures are of more than one target; a sentence where they point at places that are a little apart.

    Case, blanks and hyphens of target names do not count, nor do names and positions that are not known.

    Parameters
    ----------
    names : sequence of str
        Of the files.
    observations : sequence of Observation
        What their headers say.

    Raises
    ------
    InputError
        If targets have different names, or stand more than an arcmin from each other.
    """
    _require_one_name(names, observations)
    placed = [
        (name, one.ra_deg, one.dec_deg)
        for name, one in zip(names, observations, strict=True)
        if one.ra_deg is not None and one.dec_deg is not None
    ]
    apart = [(separation_arcsec(placed[0][1:], (ra, dec)), name) for name, ra, dec in placed[1:]]
    farthest, name = max(apart, default=(0.0, ""))
    if farthest > OTHER_PLACE_ARCSEC:
        raise InputError(
            f"{name}: RA and DEC are {_shown(farthest)} from those of {placed[0][0]}, at most {OTHER_PLACE_ARCSEC:g} arcsec are taken; "
            "give the exposures of one target"
        )
    if farthest > ODD_PLACE_ARCSEC:
        return (f"{name}: RA and DEC are {_shown(farthest)} from those of {placed[0][0]}; are these exposures of one object?",)
    return ()


def _require_one_name(files: Sequence[str], observations: Sequence[Observation]) -> None:
    names: dict[str, str] = {}
    for file, observation in zip(files, observations, strict=True):
        plain = _plain(observation.target)
        if plain:
            names.setdefault(plain, f"{observation.target!r} in {file}")
    if len(names) > 1:
        raise InputError(f"the exposures are of {len(names)} targets, {', '.join(names.values())}; give those of one")


def other_names(files: Sequence[str], names: Sequence[str], keyword: str) -> tuple[str, ...]:
    """A sentence where a second name of the target, that of its observing block, differs between exposures of one name and place."""
    known = [(file, name) for file, name in zip(files, names, strict=True) if _plain(name)]
    differing = [(file, name) for file, name in known if _plain(name) != _plain(known[0][1])]
    if not differing:
        return ()
    file, name = differing[0]
    return (f"{file}: {keyword} is {name!r}, {known[0][1]!r} in {known[0][0]}; are these exposures of one object?",)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9+.]", "", name.lower())


def _shown(arcsec: float) -> str:
    return f"{arcsec:.0f} arcsec" if arcsec < 120 else f"{arcsec / 60:.0f} arcmin" if arcsec < 7200 else f"{arcsec / 3600:.1f} deg"
