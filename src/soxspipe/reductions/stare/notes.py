"""The number or phrase worth knowing of each step of the stare recipe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soxspipe.algorithms.objects.find_object import FoundObject
from soxspipe.algorithms.sky.fit_skies import SkyFits
from soxspipe.datamodel.arrays import BoolArray
from soxspipe.datamodel.exposure_record import ExposureRecord
from soxspipe.datamodel.host import HostLight
from soxspipe.datamodel.models import BackgroundModel
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.reductions.stare.frame_images import stack_rejected


def stack(stacked: AnyFrame) -> str:
    """Exposures, and pixels of which at least one was left out."""
    return f"{stacked.n_exposures} exposure{'s' if stacked.n_exposures > 1 else ''}, {stack_rejected(stacked)} pixels rejected"


def exposure(record: ExposureRecord) -> str:
    """One exposure of several, in one line."""
    name, start, time, position, seeing, light, sky_level, lines, weight, group, remark = record.cells()
    found = f"object at {position}, {seeing} wide, light {light}, sky {sky_level}, lines {lines}, weight {weight}, group {group}"
    return f"{name}  {start[11:]}  {time}: {remark or found}"


def background(model: BackgroundModel | None) -> str:
    """Level of the scattered light."""
    return "off" if model is None else f"median {np.median(model.cells):.2f} e-"


def slit(offset: SlitOffset) -> str:
    """Motion of the slit's image."""
    if not np.isfinite(offset.px):
        return "edges not seen"
    return f"{offset.px:+.2f} ± {offset.error_px:.2f} px along the slit" + ("" if offset.applied else ", not significant")


def cosmic_rays(pixels: Sequence[BoolArray]) -> str:
    """Pixels that cosmic rays hit."""
    return f"{sum(int(np.count_nonzero(order)) for order in pixels)} pixels"


def sky(fits: SkyFits | None) -> str:
    """Orders with a sky."""
    return "off" if fits is None else f"{len(fits.fits)} orders"


def trace(found: FoundObject) -> str:
    """Where the object is, and how clearly it stands out."""
    if found.source is None:
        return f"no object (strongest peak {found.significance:.1f} sigma), forced trace"
    more = f", {len(found.sources) - 1} more on the slit" if len(found.sources) > 1 else ""
    return f'object at {found.source.slit_arcsec:+.2f}", {found.source.significance:.0f} sigma{more}'


def shared_host(host: HostLight) -> str:
    """A host that all exposures together show."""
    fate = "taken off all exposures" if host.taken else "left in all exposures"
    return f"{host.significance:.1f} sigma in all exposures together, {host.size_arcsec:.1f}\" wide, {100 * host.share:.0f} % of the object's light, {fate}"
