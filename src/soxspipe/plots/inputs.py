"""What figures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, field

from soxspipe.datamodel.calibrations import Masters, SkyLines, StandardStar, TelluricBands
from soxspipe.datamodel.geometry import Geometry
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.models import BackgroundModel, SkyModel
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.slit import SlitOffset
from soxspipe.datamodel.spectrum import EfficiencyCurve, FluxedSpectrum, MergedSpectrum, OrderSpectrum, ResponseCurve, SlitProfile
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.datamodel.stored_image import Pixels
from soxspipe.datamodel.trace import ObjectTrace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FigureInputs:
    """The values of one reduction that its figures show; what is None or empty has no figure.

    Attributes
    ----------
    sof_name : str
        Base name of the set of files, for titles.
    observation, geometry
        What was observed, and where the orders fall.
    stacked : Frame or StoredFrame
        Before detrending.
    sky_subtracted : Frame or StoredFrame
        After sky subtraction.
    detrended : ndarray or StoredImage, shape (ny, nx)
        Electrons between the two.
    residual_sigma : ndarray or StoredImage, shape (ny, nx)
        (data - sky - object) / error; NaN outside orders.
    background, sky
        Models, if they were made.
    trace, profile, orders, merged
        The object.
    orders_unflattened, response, efficiency, fluxed, standard
        As far as they exist.
    telluric_bands, sky_lines
        Static tables, for shading and ticks.
    metrics : tuple of Metric
        Quality-control values quoted in figures.
    trace_settings : tuple of (str, str)
        Names and values of the settings of the trace.
    masters : Masters
        Bias and dark, which `stacked` still holds.
    slit : SlitOffset
        Motion of the slit's image.
    """

    sof_name: str
    observation: Observation
    geometry: Geometry
    stacked: AnyFrame
    detrended: Pixels
    sky_subtracted: AnyFrame
    residual_sigma: Pixels
    trace: ObjectTrace
    profile: SlitProfile
    orders: tuple[OrderSpectrum, ...]
    merged: MergedSpectrum
    background: BackgroundModel | None = None
    sky: SkyModel | None = None
    orders_unflattened: tuple[OrderSpectrum, ...] = ()
    response: ResponseCurve | None = None
    efficiency: EfficiencyCurve | None = None
    fluxed: FluxedSpectrum | None = None
    standard: StandardStar | None = None
    telluric_bands: TelluricBands | None = None
    sky_lines: SkyLines | None = None
    metrics: tuple[Metric, ...] = ()
    trace_settings: tuple[tuple[str, str], ...] = ()
    masters: Masters = field(default_factory=Masters)
    slit: SlitOffset = field(default_factory=SlitOffset)

    @property
    def subtitle(self) -> str:
        """Arm, target, exposure and set of files, in one line."""
        observation = self.observation
        exposures = (
            f"{self.stacked.n_exposures} × {observation.exptime_s:g} s" if self.stacked.n_exposures > 1 else f"{observation.exptime_s:g} s"
        )
        parts = [
            f"{self.geometry.arm.instrument} {observation.arm}",
            plain(observation.target),
            exposures,
            observation.date_obs[:19],
            plain(self.sof_name),
        ]
        return "  ·  ".join(part for part in parts if part)


def plain(text: str) -> str:
    """Text from a header without its control characters."""
    return "".join(character for character in text if character.isprintable())
