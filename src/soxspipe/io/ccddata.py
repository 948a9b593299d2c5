"""Frames as `astropy.nddata.CCDData`, for callers of the public classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame
from soxspipe.datamodel.metric import Metric
from soxspipe.datamodel.provenance import Card, Provenance
from soxspipe.errors import InputError
from soxspipe.io.atomic import write_whole
from soxspipe.io.fits_writer import fits_chunks, format_card
from soxspipe.io.headers import MOST_INTEGRATIONS
from soxspipe.io.product_headers import product_cards, sorted_cards
from soxspipe.io.products import image_hdus

if TYPE_CHECKING:
    from astropy.nddata import CCDData


def to_ccddata(frame: Frame, cards: Sequence[Card]) -> CCDData:
    """A frame with its 1-sigma errors, mask (True is bad), flags and header; data in float64 electrons."""
    from astropy.io import fits
    from astropy.nddata import CCDData, StdDevUncertainty

    header = fits.Header.fromstring("".join(format_card(*card) for card in cards))
    header["EXPTIME"] = frame.exptime_s
    header["NCOMBINE"] = frame.n_exposures
    made = CCDData(
        np.array(frame.electrons, dtype=np.float64),
        uncertainty=StdDevUncertainty(np.sqrt(frame.variance)),
        mask=frame.flags != 0,
        meta=header,
        unit="electron",
    )
    made.flags = np.array(frame.flags)
    return made


def from_ccddata(ccd: Any, *, name: str = "frame") -> Frame:
    """A frame from a CCDData object; without uncertainty the variance is 0, without mask every pixel is good.

    Raises
    ------
    InputError
        If it is no CCDData of two axes, or its header has no exposure time.
    """
    data = getattr(ccd, "data", None)
    if data is None or np.ndim(data) != 2 or not hasattr(ccd, "header"):
        raise InputError(f"{name} is {type(ccd).__name__}, a CCDData image of two axes is needed")
    electrons = np.array(data, dtype=np.float64)
    sigma = np.zeros(electrons.shape) if ccd.uncertainty is None else np.asarray(ccd.uncertainty.array, dtype=np.float64)
    finite = np.isfinite(electrons) & np.isfinite(sigma)
    exptime = ccd.header.get("EXPTIME", 0.0)
    return Frame(
        electrons=np.where(finite, electrons, 0.0),
        variance=np.where(finite, sigma, 0.0) ** 2,
        flags=_flags(ccd) | np.where(finite, np.uint8(0), np.uint8(PixelFlag.NOT_FINITE)),
        exptime_s=float(exptime),
        n_exposures=int(ccd.header.get("NCOMBINE", 1)),
        integrations=_integrations(ccd.header.get("ESO DET NDIT", 1)),
    )


def _integrations(value: object) -> float:
    return float(value) if isinstance(value, int | float) and 1 <= value <= MOST_INTEGRATIONS else 1.0


def product_header(
    provenance: Provenance,
    header: Any,
    *,
    arm: str,
    kind: str,
    metrics: Sequence[Metric],
    version: str,
    made_at: str,
    keep: Sequence[str] | None,
) -> Any:
    """Header of a product, as astropy has it, made from the header of a frame.

    Parameters
    ----------
    provenance : Provenance
        Inputs and settings to list.
    header : fits.Header
        Of the frame.
    arm, kind : str
        Arm, and DPR TYPE of the frame: a bias, dark or flat becomes a master of its arm.
    metrics : sequence of Metric
        For the QC keywords.
    version, made_at : str
        Of the package; time of the reduction.
    keep : sequence of str or None
        Names of the raw frames to list; None lists all.
    """
    from astropy.io import fits

    raw = tuple(file for file in provenance.raw if keep is None or Path(file.path).name in {Path(name).name for name in keep})
    own = replace(provenance, raw=raw, header=tuple((card.keyword, card.value, card.comment) for card in header.cards))
    master = next((word for word in ("BIAS", "DARK", "FLAT") if word in kind.upper()), "")
    cards = product_cards(
        own, arm=arm, catg=f"MASTER_{master}_{arm}" if master else "", tech="IMAGE" if master else "", metrics=metrics, extra=(),
        made_at=made_at, version=version, is_image=True,
    )  # fmt: skip
    return fits.Header.fromstring("".join(format_card(*card) for card in cards))


def write_prepared(path: Path, frame: Frame, cards: Sequence[Card], made_at: str) -> Path:
    """Write a prepared exposure: FLUX, QUAL and ERRS, marked as prepared.

    Raises
    ------
    ProductError
        If the file could not be written.
    """
    marked = sorted_cards([*cards, ("SXSPRE", made_at, "[UTC] when the frame was prepared")])
    return write_whole(path, fits_chunks(image_hdus(marked, frame.electrons, frame.flags, np.sqrt(frame.variance))))


def _flags(ccd: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    flags = np.zeros(np.shape(ccd.data), dtype=np.uint8)
    known = getattr(ccd, "flags", None)
    if known is not None and np.shape(known) == flags.shape:
        flags |= np.asarray(known, dtype=np.uint8)
    if ccd.mask is not None:
        flags[np.asarray(ccd.mask, dtype=bool) & (flags == 0)] = PixelFlag.BAD
    return flags
