"""Single steps of a recipe of the public API on frames as `CCDData`, in the published spelling."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from soxspipe import __version__
from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.metric import Metric
from soxspipe.errors import InputError
from soxspipe.recipes.ccd_numbers import (
    FRAME_CLIPPING_ITERATIONS,
    FRAME_CLIPPING_SIGMA,
    clip_frame,
    clipped_scatter,
    given_frame,
    good_pixels,
    near_mean,
    without_masks,
)
from soxspipe.recipes.recipe_facts import RecipeFacts, now

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.table import Table


class FrameSteps(RecipeFacts):
    """Each method adapts its frames, calls the same function as the command line, and adapts the answer."""

    log: Any
    settings: Any

    def prepare_frames(self, save: bool = False) -> list[CCDData]:
        """Turn the raw exposures into electrons: trim, orient, gain, read-noise error and bad pixels.

        Parameters
        ----------
        save : bool
            Write them as ``<name>_pre.fits`` into the output folder as well.

        Returns
        -------
        list of CCDData
            In order of time; the table `rawFrames` lists them.
        """
        from soxspipe.io.ccddata import to_ccddata, write_prepared

        prepared = []
        for raw, frame in zip(self._gathered.inputs.raw, self._prepared(), strict=True):
            prepared.append(to_ccddata(frame, self._cards()))
            if save:
                name = raw.name.split(".fits")[0]
                path = write_prepared(self.workspaceRootPath / f"{name}_pre.fits", frame, self._cards(), now())
                self.log.info(f"prepared frame written: {path}")
        self.rawFrames = self._raw_table()
        self.log.info(f"prepared {len(prepared)} frame(s)")
        return prepared

    def clip_and_stack(
        self, frames: Iterable[CCDData], recipe: str, ignore_input_masks: bool = False, post_stack_clipping: bool = True
    ) -> CCDData:
        """Average frames, leaving out pixels that one of them alone shows bright.

        Parameters
        ----------
        frames : iterable of CCDData
            Prepared frames, not yet detrended.
        recipe : str
            Name of the recipe; has no effect.
        ignore_input_masks : bool
            Let masked pixels of the single frames take part.
        post_stack_clipping : bool
            Mask pixels of the stack that lie far from its mean; done where the settings have ``frame-clipping-sigma``.

        Returns
        -------
        CCDData
            A single frame is returned as it is.
        """
        from soxspipe.algorithms.frames.clip_and_stack import clip_and_stack
        from soxspipe.io.ccddata import from_ccddata, to_ccddata

        given = list(frames)
        if not given:
            raise InputError("there is no frame to stack")
        converted = [from_ccddata(ccd, name=f"frame {i}") for i, ccd in enumerate(given, start=1)]
        if ignore_input_masks:
            converted = [without_masks(frame) for frame in converted]
        stacked = clip_and_stack(converted, self._gathered.settings.stack)
        sigma, iterations = self._frame_clipping()
        if post_stack_clipping and sigma is not None and len(given) > 1:
            stacked = clip_frame(stacked, sigma, iterations)
        return to_ccddata(stacked, self._cards(given[0]))

    def detrend(
        self,
        inputFrame: CCDData,
        master_bias: CCDData | bool | None = False,
        dark: CCDData | bool | None = False,
        master_flat: CCDData | bool | None = False,
        order_table: str | bool | None = False,
    ) -> CCDData:
        """Subtract bias and dark, subtract scattered light if an order table is given, divide by the flat.

        Parameters
        ----------
        inputFrame : CCDData
            Prepared or stacked frame.
        master_bias, dark, master_flat : CCDData, False or None
            At least one is needed.
        order_table : path, False or None
            Where the orders are; the light between them is modelled and subtracted.

        Returns
        -------
        CCDData
        """
        from soxspipe.algorithms.frames.detrend import detrend, divide_by_flat
        from soxspipe.io.ccddata import from_ccddata, to_ccddata

        bias, dark_frame, flat = (
            given_frame(value, name) for value, name in ((master_bias, "bias"), (dark, "dark"), (master_flat, "flat"))
        )
        if bias is None and dark_frame is None and flat is None:
            raise InputError("detrend needs a master bias, a dark or a master flat; none was given")
        result = detrend(from_ccddata(inputFrame, name="inputFrame"), Masters(bias=bias, dark=dark_frame), use_flat=False)
        if order_table:
            result = self._without_background(result, order_table)
        if flat is not None:
            result = divide_by_flat(result, flat)
        return to_ccddata(result, self._cards(inputFrame))

    def qc_ron(
        self,
        frameType: str | bool = False,
        frameName: str | bool = False,
        masterFrame: CCDData | bool = False,
        rawRon: float | bool = False,
        masterRon: float | bool = False,
    ) -> tuple[float, float | bool]:
        """Measure the read noise from the difference of the first two raw frames; adds ``RAW RON`` and ``MASTER RON``.

        Parameters
        ----------
        frameType, frameName : str
            For the comments of the metrics.
        masterFrame : CCDData, optional
            Whose scatter is the master's read noise.
        rawRon, masterRon : float, optional
            Known already, in electrons.

        Returns
        -------
        rawRon, masterRon : float
            Electrons; `masterRon` is False if there is no master.

        Raises
        ------
        InputError
            If there are fewer than two raw frames.
        ValueError
            If the frames do not differ at all.
        """
        raw = float(rawRon) if rawRon else self._raw_ron()
        master: float | bool = masterRon
        if not master and masterFrame is not False and masterFrame is not None:
            master = clipped_scatter(np.asarray(masterFrame.data, dtype=np.float64)[good_pixels(masterFrame)])  # type: ignore[union-attr]  # a CCDData by now
        what = str(frameName or frameType or "raw frames")
        self._add(Metric(name="RAW RON", value=raw, unit="electrons", comment=f"RON in single {what}"))
        if master:
            self._add(Metric(name="MASTER RON", value=float(master), unit="electrons", comment=f"Combined RON in {what}"))
        return raw, master

    def qc_median_flux_level(
        self, frame: CCDData, frameType: str = "MBIAS", frameName: str = "master bias", medianFlux: float | bool = False
    ) -> float:
        """Median of the unmasked pixels in electrons; adds ``<frameType> MEDIAN``."""
        median = float(medianFlux) if medianFlux else float(np.median(np.asarray(frame.data)[good_pixels(frame)]))
        self._add(Metric(name=f"{frameType} MEDIAN", value=median, unit="electrons", comment=f"Median flux level of {frameName}"))
        return median

    def subtract_mean_flux_level(self, rawFrame: CCDData) -> tuple[float, float, CCDData]:
        """Subtract the clipped mean of a frame.

        Returns
        -------
        mean, std : float
            Of the pixels within ``frame-clipping-sigma`` of the mean (10 where the settings have none).
        frame : CCDData
            The frame less its mean.
        """
        sigma, iterations = self._frame_clipping()
        values = np.asarray(rawFrame.data, dtype=np.float64)
        kept = near_mean(values, good_pixels(rawFrame), FRAME_CLIPPING_SIGMA if sigma is None else sigma, iterations)
        mean, std = float(values[kept].mean()), float(values[kept].std())
        shifted = rawFrame.copy()
        shifted.data = values - mean
        return mean, std, shifted

    def update_fits_keywords(self, frame: CCDData, rawFrames: Sequence[str] | bool = False) -> None:
        """Give a frame's header the keywords of a product: arm, provenance and metrics in, DPR keywords out.

        Parameters
        ----------
        frame : CCDData
            Its header is changed.
        rawFrames : list of str, optional
            Names of the raw frames to list; False lists all.
        """
        from soxspipe.io.ccddata import product_header

        provenance = self._gathered.provenance()
        header = product_header(
            provenance, frame.header, arm=self.arm, kind=self.imageType, metrics=self._metrics, version=__version__, made_at=now(),
            keep=None if rawFrames is False or rawFrames is True else tuple(rawFrames),
        )  # fmt: skip
        frame.header.clear()
        frame.header.update(header)

    def xsh2soxs(self, frame: CCDData) -> CCDData:
        """Turn a raw X-shooter frame into the orientation of SOXS; SOXS frames stay as they are."""
        turns = self._gathered.inputs.detector.quarter_turns
        if turns:
            turned = [None if plane is None else np.rot90(plane, turns) for plane in (frame.data, frame.mask, frame.flags)]
            uncertainty = frame.uncertainty
            frame.uncertainty, frame.mask, frame.flags = None, None, None
            frame.data = turned[0]
            frame.mask, frame.flags = turned[1], turned[2]
            if uncertainty is not None:
                frame.uncertainty = type(uncertainty)(np.rot90(uncertainty.array, turns))
        return frame

    def _prepared(self) -> list[Frame]:
        from soxspipe.algorithms.frames.prepare import prepare

        inputs = self._gathered.inputs
        return [prepare(raw, inputs.detector, inputs.bad_pixels) for raw in inputs.raw]

    def _without_background(self, frame: Frame, order_table: str | bool) -> Frame:
        from dataclasses import replace

        from soxspipe.algorithms.frames.subtract_background import fit_background
        from soxspipe.io.calibration_tables import read_order_table
        from soxspipe.io.classify import classify
        from soxspipe.io.fits import read_header

        geometry = self._gathered.inputs.geometry
        if isinstance(order_table, str | os.PathLike):
            path = Path(order_table)
            file = classify(path, read_header(path))
            if file is None:
                raise InputError(f"{path}: is not an order table of a known instrument")
            geometry = replace(geometry, order_table=read_order_table(file))
        background = fit_background(frame, geometry, self._gathered.settings.background)
        return frame.minus(background)

    def _raw_ron(self) -> float:
        if len(self._gathered.inputs.raw) < 2:
            raise InputError(f"the read noise is measured on two raw frames, {len(self._gathered.inputs.raw)} is there")
        first, second = self._prepared()[:2]
        scatter = clipped_scatter((first.electrons - second.electrons)[first.good & second.good]) / np.sqrt(2.0)
        if not scatter > 0:
            raise ValueError("the first two raw frames are identical; the read noise cannot be measured")
        return float(scatter)

    def _frame_clipping(self) -> tuple[float | None, int]:
        """Sigma and rounds of clipping over a whole frame, from the settings as they were given."""
        from soxspipe.settings.published_names import normalised

        given = self.settings if isinstance(self.settings, Mapping) else {}
        block = next((value for key, value in given.items() if normalised(key) == normalised(self._gathered.recipe)), given)
        flat = {normalised(key): value for key, value in block.items()} if isinstance(block, Mapping) else {}
        sigma, iterations = flat.get("frame_clipping_sigma"), flat.get("frame_clipping_iterations", FRAME_CLIPPING_ITERATIONS)
        return (None if sigma is None else float(sigma)), int(iterations)

    def _raw_table(self) -> Table:
        from astropy.table import Table

        raw = self._gathered.inputs.raw
        return Table(
            {
                "file": [frame.name for frame in raw],
                "date_obs": [frame.observation.date_obs for frame in raw],
                "mjd": [frame.observation.mjd for frame in raw],
                "exptime": [frame.observation.exptime_s for frame in raw],
                "arm": [frame.observation.arm for frame in raw],
                "type": [frame.observation.kind for frame in raw],
            }
        )

    def _cards(self, ccd: Any = None) -> Any:
        """Cards of a CCDData's header, or of the first raw frame."""
        if ccd is None:
            return self._gathered.header
        return tuple((card.keyword, card.value, card.comment) for card in ccd.header.cards)

    def _add(self, metric: Metric) -> None:
        self._metrics = [known for known in self._metrics if known.name != metric.name] + [metric]
