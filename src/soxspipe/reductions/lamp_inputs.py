"""What the recipes that work on a lit pinhole mask share: their inputs, and how they are gathered."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from soxspipe.algorithms.calibration.combine_lamps import LampFrames, Lamps
from soxspipe.algorithms.calibration.predict_lines import ArcPrediction
from soxspipe.datamodel.arrays import BoolImage
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.detector import Arm, Detector
from soxspipe.datamodel.frame import RawFrame
from soxspipe.datamodel.geometry import DispersionPolynomial, OrderTable
from soxspipe.datamodel.observation import Observation
from soxspipe.datamodel.stored_frame import AnyFrame
from soxspipe.errors import InputError
from soxspipe.io.arc_lines import read_arc_prediction
from soxspipe.io.calibration_tables import read_dispersion_table, read_order_table
from soxspipe.io.classify import ClassifiedFile, Kind, is_blank
from soxspipe.io.frames import read_master, read_off_frame, read_raw
from soxspipe.io.headers import read_observation, slit_width_of, text_of
from soxspipe.io.raw_rows import detector_of
from soxspipe.reductions.raw_calibrations import static_bad_pixels
from soxspipe.reductions.select import Selected
from soxspipe.reductions.spec import SAME_DETECTOR, InputRow
from soxspipe.settings.base import ReductionSettings

USUAL_SLIT_ARCSEC = 1.0
"""Width of a slit whose name does not tell it."""
MOST_FRAMES = 40
"""More add nothing to a lamp's brightness but reading time."""


def bias_row() -> InputRow:
    """Master bias."""
    return InputRow(
        name="bias", description="Pedestal of the detector", kinds=(Kind.BIAS,), arms=("VIS", "UVB"), match=SAME_DETECTOR, made_by="mbias"
    )


def background_rows(off: Kind) -> tuple[InputRow, InputRow]:
    """Frame with the lamp off, or a master dark in its place."""
    return (
        InputRow(
            name="lamp_off", description="The same with the lamp off", kinds=(off,), arms=("NIR",), match=SAME_DETECTOR,
        ),
        InputRow(
            name="dark", description="Dark current, where there is no frame with the lamp off", kinds=(Kind.DARK,), minimum=0,
            match=("binning",), made_by="mdark", replaces="lamp_off",
        ),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LampInputs:
    """Frames of a lit pinhole mask and what is known beforehand.

    Attributes
    ----------
    raw : tuple of RawFrame
        In order of time.
    lamps : tuple of tuple of str
        Elements of the lamps that were on in each.
    observation : Observation
        Of the first.
    detector : Detector
        As used.
    arm : Arm
        Facts.
    bad_pixels : ndarray of bool, shape (ny, nx)
        From the instrument's map.
    masters : Masters
        Bias, dark (or frame with the lamp off), flat.
    prediction : ArcPrediction
        Geometry and lines of the arm, unbinned.
    first : tuple of DispersionPolynomial or None
        Solution that is there already, x and y, unbinned.
    order_table : OrderTable or None
        Where the orders are.
    slit_raw : tuple of RawFrame
        Arcs through the slit, for the resolution alone.
    slit_width_arcsec : float
        Width of that slit.
    """

    raw: tuple[RawFrame, ...]
    lamps: tuple[Lamps, ...]
    observation: Observation
    detector: Detector
    arm: Arm
    bad_pixels: BoolImage
    masters: Masters
    prediction: ArcPrediction
    first: tuple[DispersionPolynomial, DispersionPolynomial] | None = None
    order_table: OrderTable | None = None
    slit_raw: tuple[RawFrame, ...] = ()
    slit_width_arcsec: float = USUAL_SLIT_ARCSEC

    @property
    def frames(self) -> LampFrames:
        """Raw frames and calibrations, as they are combined."""
        return LampFrames(raw=self.raw, lamps=self.lamps, detector=self.detector, bad_pixels=self.bad_pixels, masters=self.masters)

    @property
    def slit_frames(self) -> LampFrames:
        """Arcs through the slit: frames of one setup, averaged."""
        return LampFrames(
            raw=self.slit_raw, lamps=((),) * len(self.slit_raw), detector=self.detector, bad_pixels=self.bad_pixels, masters=self.masters
        )

    @property
    def elements(self) -> frozenset[str]:
        """Elements of all lamps that were on; empty if the headers name none."""
        return frozenset(element for lamps in self.lamps for element in lamps)


def describe(inputs: LampInputs) -> str:
    """What was gathered, in one line."""
    lamps = "+".join(sorted(inputs.elements)) or "lamps not named"
    return f"{len(inputs.raw)} x {inputs.observation.exptime_s:g} s, {inputs.arm.name}, {lamps}"


def read_lamp_frames(files: Selected, _settings: ReductionSettings, pool: ThreadPoolExecutor) -> LampInputs:
    """Read the chosen files of one of these recipes, several at a time."""
    _require_masks(files.exposures)
    first = files.exposures[0]
    used = detector_of(first)
    raw, slit_raw = ([pool.submit(read_raw, file, used) for file in some] for some in (files.exposures, files.all("slit_arc")))
    masters = {name: pool.submit(_master, files.one(name), used) for name in ("bias", "dark", "flat")}
    bias, dark, flat = (masters[name].result() for name in ("bias", "dark", "flat"))
    lamp_off = files.one("lamp_off")
    dispersion, orders = files.one("dispersion_table"), files.one("order_table")
    return LampInputs(
        raw=tuple(future.result() for future in raw),
        lamps=tuple(lamps_on(file) for file in files.exposures),
        observation=read_observation(first.header, first.instrument, first.facts, str(first.path)),
        detector=used,
        arm=first.facts.arm,
        bad_pixels=static_bad_pixels(first, used) > 0,
        masters=Masters(bias=bias, dark=dark if lamp_off is None else read_off_frame(lamp_off, used, bias), flat=flat),
        prediction=read_arc_prediction(first.instrument.name, first.arm),
        first=None if dispersion is None else read_dispersion_table(dispersion),
        order_table=None if orders is None else read_order_table(orders),
        slit_raw=tuple(future.result() for future in slit_raw),
        slit_width_arcsec=_slit_width(files.one("slit_arc")),
    )


def _slit_width(file: ClassifiedFile | None) -> float:
    """Width (arcsec) of the slit of a frame by its name; the usual one where it does not tell."""
    name = "" if file is None else text_of(file.header, file.facts.slit_keyword)
    return slit_width_of(name) or USUAL_SLIT_ARCSEC


def lamps_on(file: ClassifiedFile) -> Lamps:
    """Elements of the lamps whose keyword is in the header."""
    return tuple(element for element, keyword in file.instrument.lamps.items() if text_of(file.header, keyword))


def _master(file: ClassifiedFile | None, used: Detector) -> AnyFrame | None:
    return None if file is None else read_master(file, used.shape, used.gain_e_per_adu)


def _require_masks(files: Sequence[ClassifiedFile]) -> None:
    """Raise if a frame was taken without a mask in the beam."""
    for file in files:
        keyword = file.facts.slit_keyword
        if is_blank(file):
            raise InputError(f"{file.path}: {keyword} is {text_of(file.header, keyword)!r}, a pinhole mask is needed")
