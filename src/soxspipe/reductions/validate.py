"""Hold the products of a reduction against the truth of the scene they were made of."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from soxspipe.errors import MissingInputError, SoxspipeError
from soxspipe.io.simulated import read_truth
from soxspipe.io.simulated_products import read_products
from soxspipe.simulate.score import score

Bound = Literal["none", "most", "least", "size", "range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the validation table: where it stands in the score, how it is called, and what is aimed at.

    `noise` is the place of what photons alone give; `sigmas` times that is added to the target in quadrature.
    """

    path: str
    label: str
    digits: int
    bound: Bound = "none"
    low: float = math.nan
    high: float = math.nan
    noise: str = ""
    sigmas: float = 1.0

    def beyond(self, noise: float) -> Figure:
        """The figure with the target of a scene whose photons alone give a perfect program this value, or this error."""
        if not math.isfinite(noise):
            return self
        return replace(self, high=math.hypot(self.high, self.sigmas * noise))

    def meets(self, value: float) -> bool | None:
        """Whether a value is on target; None where there is no target or no value."""
        if self.bound == "none" or not math.isfinite(value):
            return None
        return {
            "most": value <= self.high,
            "least": value >= self.low,
            "size": abs(value) <= self.high,
            "range": self.low <= value <= self.high,
        }[self.bound]

    @property
    def target(self) -> str:
        """The target in words."""
        words = {
            "none": "",
            "most": f"<= {self.high:.3g}",
            "least": f">= {self.low:g}",
            "size": f"+-{self.high:.2g}",
            "range": f"{self.low:g} to {self.high:g}",
        }
        return words[self.bound]


SCATTER = 1.2
"""Percentiles of a hundred bins scatter by a tenth; twice that is allowed for."""

FIGURES: tuple[Figure, ...] = (
    Figure(path="scene/ideal_snr_median", label="ideal SNR per pixel, median", digits=1),
    Figure(path="orders/snr_ratio", label="achieved SNR / ideal", digits=3, bound="least", low=0.96),
    Figure(path="orders/snr_ratio_rms", label="achieved SNR / ideal, outliers counted", digits=3, bound="least", low=0.93),
    Figure(path="orders/bias_pct", label="flux bias, %", digits=2, bound="size", high=0.3, noise="orders/bias_error_pct", sigmas=3.0),
    Figure(
        path="orders/bias_pct_worst_order",
        label="flux bias of the worst order, %",
        digits=2,
        bound="size",
        high=1.5,
        noise="orders/bias_error_pct_worst_order",
        sigmas=3.0,
    ),
    Figure(path="orders/chi_std", label="error / reported error, scatter", digits=3, bound="range", low=0.95, high=1.06),
    Figure(path="orders/outliers_per_1000", label="outliers above 6 sigma per 1000", digits=2, bound="most", high=0.5),
    Figure(path="orders/wavelength_error_px", label="wavelength error, px", digits=3, bound="size", high=0.03),
    Figure(path="orders/trace_error_rms_px", label="trace error, px rms", digits=3),
    Figure(path="orders/delivered", label="share of the rows delivered", digits=4),
    Figure(path="sky/beside/robust", label="sky residual / noise", digits=3, bound="most", high=1.03),
    Figure(path="sky/beside/rms", label="sky residual / noise, rms", digits=3, bound="most", high=1.06),
    Figure(path="sky/bright_lines/robust", label="bright sky lines / noise", digits=3, bound="most", high=1.06),
    Figure(path="sky/under_bright_lines/robust", label="bright sky lines under the object / noise", digits=3, bound="most", high=1.12),
    Figure(path="sky/cosmic_rays_flagged", label="cosmic rays in the aperture flagged", digits=3, bound="least", low=0.95),
    Figure(path="sky/good_pixels_flagged", label="good pixels flagged", digits=5, bound="most", high=0.001),
    Figure(
        path="merged/bias_pct",
        label="merged spectrum: bias, %",
        digits=2,
        bound="size",
        high=0.3,
        noise="orders/bias_error_pct",
        sigmas=3.0,
    ),
    Figure(
        path="merged/chi_std_1nm", label="merged spectrum: errors after rebinning to 1 nm", digits=3, bound="range", low=0.80, high=1.10
    ),
    Figure(
        path="merged/wavelength_shift_px",
        label="merged spectrum: wavelength shift, px",
        digits=3,
        bound="size",
        high=0.03,
        noise="merged/wavelength_shift_error_px",
        sigmas=3.0,
    ),
    Figure(path="merged/delivered", label="merged spectrum: share of the range delivered", digits=4, bound="least", low=0.9995),
    Figure(
        path="flux/clear_lines_removed/median_abs_pct",
        label="flux calibration error, median %",
        digits=2,
        bound="most",
        high=1.0,
        noise="flux/noise/median_abs_pct",
        sigmas=SCATTER,
    ),
    Figure(
        path="flux/clear_lines_removed/p95_abs_pct",
        label="flux calibration error, 95 %",
        digits=2,
        bound="most",
        high=4.0,
        noise="flux/noise/p95_abs_pct",
        sigmas=SCATTER,
    ),
    Figure(path="efficiency/median_abs_pct", label="efficiency error, median %", digits=2, bound="most", high=0.8),
    Figure(path="efficiency/p95_abs_pct", label="efficiency error, 95 %", digits=2, bound="most", high=3.0),
)
"""What the table shows; the JSON file has more, and everything per order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A score and the lines of its table: figure, value (NaN where there is none)."""

    score: dict[str, Any]
    lines: tuple[tuple[Figure, float], ...]

    @property
    def text(self) -> str:
        """The table; ``!`` marks a figure off its target."""
        rows = []
        for figure, value in self.lines:
            shown = f"{value:.{figure.digits}f}" if math.isfinite(value) else "-"
            rows.append(f"{'!' if figure.meets(value) is False else ' '} {figure.label:<52} {shown:>10}  {figure.target}".rstrip())
        return "\n".join(rows)


def validate(
    products: str | Path, truth: str | Path, *, standard_truth: str | Path | None = None, json_file: str | Path | None = None
) -> Validation:
    """Score the products below a folder against a truth file.

    Parameters
    ----------
    products : path
        Folder of one reduction.
    truth : path
        Truth file that the simulation wrote, or the folder it is in.
    standard_truth : path
        Truth of the standard whose response was used; takes the difference of the slit losses out of the flux-calibration figures.
    json_file : path
        Where to write every figure as JSON.

    Raises
    ------
    MissingInputError
        If there are no products or no truth.
    """
    result = score(
        read_products(Path(products)), read_truth(_truth_file(truth)), read_truth(_truth_file(standard_truth)) if standard_truth else None
    )
    if json_file is not None:
        Path(json_file).write_text(json.dumps(_plain(result), indent=1) + "\n", encoding="utf-8")
    figures = [figure.beyond(_dig(result, figure.noise)) if figure.noise else figure for figure in FIGURES]
    return Validation(score=result, lines=tuple((figure, _dig(result, figure.path)) for figure in figures))


def _truth_file(path: str | Path) -> Path:
    file = Path(path) / "truth.fits" if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise MissingInputError(f"there is no truth file {file}")
    return file


def _dig(tree: Any, path: str) -> float:
    for key in path.split("/"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return float(tree) if isinstance(tree, int | float) else math.nan


def _plain(tree: Any) -> Any:
    """The score with numbers that JSON has."""
    if isinstance(tree, dict):
        return {key: _plain(value) for key, value in tree.items()}
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else None
    return tree


def main(arguments: Sequence[str]) -> int:
    """``python -m soxspipe.reductions.validate PRODUCTS TRUTH [STANDARD_TRUTH]``: print the table."""
    if len(arguments) not in (2, 3):
        print("usage: python -m soxspipe.reductions.validate PRODUCTS TRUTH [STANDARD_TRUTH]", file=sys.stderr)
        return 2
    try:
        print(validate(arguments[0], arguments[1], standard_truth=arguments[2] if len(arguments) == 3 else None).text)
    except SoxspipeError as err:
        print(f"soxspipe validate: {err}", file=sys.stderr)
        return err.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
