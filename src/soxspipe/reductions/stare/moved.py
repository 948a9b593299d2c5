"""The calibrated spectrum once more, in the frame of reference and medium that the settings ask for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from soxspipe.datamodel.observation import Observation
from soxspipe.io.file_names import file_name
from soxspipe.io.fits_writer import fits_chunks
from soxspipe.io.products import fluxed_columns
from soxspipe.io.spectra import FinishedTable
from soxspipe.reductions.convert import MovedSpectrum, move_table, moved_suffix
from soxspipe.reductions.spec import Contents
from soxspipe.reductions.stare.context import StareContext
from soxspipe.reductions.stare.products import fluxed_cards
from soxspipe.settings.stare import StareSettings


def is_asked_for(context: StareContext) -> bool:
    """Whether the settings ask for another frame or medium, and header and spectrum allow it."""
    settings = context.settings
    other = (settings.wavelength_frame, settings.wavelength_medium) != ("topocentric", "air")
    return other and context.result.fluxed is not None and not any(frame_warnings(context.inputs.observation, settings))


def suffix(ending: str) -> Callable[[StareContext], str]:
    """Ending of the name, by the settings."""
    return lambda context: f"_FLUXCAL{moved_suffix(context.settings.wavelength_frame, context.settings.wavelength_medium)}{ending}"


def fits_table(context: StareContext) -> Contents:
    """FLUXCAL in another frame or medium."""
    return fits_chunks(_moved(context).hdus)


def text(context: StareContext) -> Contents:
    """The same as text."""
    return [_moved(context).text]


def frame_warnings(observation: Observation, settings: StareSettings) -> Iterator[str]:
    """What the header lacks for the velocity of the barycentre, where it is asked for."""
    known = {"date": math.isfinite(observation.mjd), "position": observation.ra_deg is not None and observation.dec_deg is not None}
    lacking = [word for word, there in known.items() if not there]
    if settings.wavelength_frame == "barycentric" and lacking:
        yield f"the header has no {' and no '.join(lacking)}: the spectrum was not written in the frame of the barycentre"


def _moved(context: StareContext) -> MovedSpectrum:
    fluxed = context.result.fluxed
    if fluxed is None:
        raise ValueError("this run has no flux-calibrated spectrum")
    table = FinishedTable(
        path=Path(file_name(context.provenance.sof_name, "_FLUXCAL.fits")),
        name="FLUXCAL",
        columns=tuple(fluxed_columns(fluxed, limits=context.result.trace.forced)),
        cards=fluxed_cards(context),
    )
    return move_table(table, context.settings.wavelength_frame, context.settings.wavelength_medium)
