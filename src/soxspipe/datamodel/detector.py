"""Facts about a detector and an arm, as values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from soxspipe.datamodel.site import Site

Axis = Literal["x", "y"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """How raw pixels become electrons on the trimmed, rotated science frame.

    Attributes
    ----------
    quarter_turns : int
        Counter-clockwise quarter turns applied to the raw array before trimming.
    science_columns, science_rows : tuple of int
        Half-open range kept after rotation, in unbinned pixels.
    gain_e_per_adu, read_noise_e : float
        Used for this exposure.
    usual_gain_e_per_adu, usual_read_noise_e : float or None
        Those of the detector file, where the others may come from a header.
    whole_px : int or None
        Rows and columns of a detector that is read out whole; None where they are not known.
    saturation_adu : float or None
        Raw level at which a pixel is saturated.
    dark_scales_with_time : bool
        Whether what a dark holds grows with its exposure time.
    gain_source, read_noise_source : str
        Where the two numbers come from, for people.
    binning : tuple of int
        (x, y) of the exposure.
    """

    quarter_turns: int = 0
    science_columns: tuple[int, int]
    science_rows: tuple[int, int]
    gain_e_per_adu: float
    read_noise_e: float
    usual_gain_e_per_adu: float | None = None
    usual_read_noise_e: float | None = None
    whole_px: int | None = None
    saturation_adu: float | None = None
    dark_scales_with_time: bool = True
    gain_source: str = "the detector file"
    read_noise_source: str = "the detector file"
    binning: tuple[int, int] = (1, 1)

    @property
    def gain_is_file(self) -> bool:
        """Whether no header states the gain."""
        return self.gain_source == "the detector file"

    @property
    def least_read_noise_e(self) -> float:
        """The lesser of the read noise used and the detector file's."""
        return self.read_noise_e if self.usual_read_noise_e is None else min(self.read_noise_e, self.usual_read_noise_e)

    @property
    def column_slice(self) -> slice:
        """Columns kept, in binned pixels."""
        return slice(self.science_columns[0] // self.binning[0], self.science_columns[1] // self.binning[0])

    @property
    def row_slice(self) -> slice:
        """Rows kept, in binned pixels."""
        return slice(self.science_rows[0] // self.binning[1], self.science_rows[1] // self.binning[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the trimmed, binned frame."""
        return (self.row_slice.stop - self.row_slice.start, self.column_slice.stop - self.column_slice.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexureLaw:
    """How an order's shift along the dispersion follows from that of other orders and from the rotator, as seen on many nights.

    ``shift = share x mean of the leaders + cosine x (cos night - cos arc) + sine x (sin night - sin arc)``, unbinned px, night minus arc.

    Attributes
    ----------
    order : int
        The order that follows.
    leaders : tuple of int
        Orders that have sky lines.
    share, cosine, sine : float
        Coefficients.
    scatter_px : float
        Of the nights about the law.
    """

    order: int
    leaders: tuple[int, ...]
    share: float
    cosine: float
    sine: float
    scatter_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Flexure:
    """What is known of how an arm's orders move between arc and exposure.

    Attributes
    ----------
    together : bool
        Whether all orders move together: a rigid shift and one linear in order number.
    apart : tuple of int
        Orders that do not.
    laws : tuple of FlexureLaw
        Laws of orders that follow others, leaders before followers.
    least_lines : mapping of int to int
        Fewest sky lines for a measurement to count, by order; 3 where absent.
    """

    together: bool = True
    apart: tuple[int, ...] = ()
    laws: tuple[FlexureLaw, ...] = ()
    least_lines: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What is true of one arm of one instrument, whatever the exposure.

    Attributes
    ----------
    instrument : str
        ``SOXS`` or ``XSHOOTER``.
    name : str
        ``NIR``, ``VIS`` or ``UVB``.
    dispersion_axis : {'x', 'y'}
        Detector axis along which wavelength changes (axis B of the interface contract).
    slit_length_arcsec : float
        Full length of the slit.
    merge_step_nm : float
        Step of the merged wavelength grid.
    bands : mapping of int to str
        Detector order number to band name, for arms whose orders have one.
    disk_order : mapping of int to int
        Detector order number to the number written in products (identity where absent).
    disk_order_017 : mapping of int to int
        The same as release 0.17 of the reference pipeline had it.
    collecting_area_cm2 : float
        Of the telescope.
    extinction_site : str
        ``lasilla`` or ``paranal``.
    site : Site or None
        Where the telescope stands.
    response_bin_nm : float
        Width of the bins in which the response is measured.
    joins_nm : mapping of str to float
        Join wavelengths that are fixed, by ``"<n-1><n>"``; otherwise measured.
    resolving_power_1arcsec : float or None
        Mean slit-limited resolving power of a slit of 1 arcsec; None if unknown.
    refraction_left : float
        Share of the refraction across its range that reaches the slit: 1 without a corrector.
    centred_nm : float
        Wavelength at which stars are centred on the slit.
    range_nm : (float, float)
        Range that the arm was built for; beyond it mirrors and dichroics may leave no light.
    flexure : Flexure
        How its orders move.
    """

    instrument: str
    name: str
    dispersion_axis: Axis
    slit_length_arcsec: float
    merge_step_nm: float
    bands: Mapping[int, str] = field(default_factory=dict)
    disk_order: Mapping[int, int] = field(default_factory=dict)
    disk_order_017: Mapping[int, int] = field(default_factory=dict)
    collecting_area_cm2: float
    extinction_site: str
    site: Site | None = None
    response_bin_nm: float = 1.0
    joins_nm: Mapping[str, float] = field(default_factory=dict)
    resolving_power_1arcsec: float | None = None
    refraction_left: float = 0.0
    centred_nm: float = 550.0
    range_nm: tuple[float, float] = (0.0, math.inf)
    flexure: Flexure = field(default_factory=Flexure)

    @property
    def half_slit_arcsec(self) -> float:
        """Half of the slit's length."""
        return 0.5 * self.slit_length_arcsec

    @property
    def slit_axis(self) -> Axis:
        """Detector axis along the slit (axis A of the interface contract)."""
        return "y" if self.dispersion_axis == "x" else "x"

    def numbered_as(self, release: str) -> Arm:
        """The arm with the order numbers of a release of the reference pipeline in its products."""
        return replace(self, disk_order=self.disk_order_017) if release == "0.17" else self

    @property
    def dispersion_index(self) -> int:
        """Place of the dispersion axis in pairs (x, y), such as a binning."""
        return 0 if self.dispersion_axis == "x" else 1

    def label(self, order: int) -> str:
        """Name of an order for people: its band if it has one, else its number."""
        return self.bands.get(order, str(order))

    def named(self, orders: Iterable[int]) -> str:
        """Orders for people: ``order 12``, ``orders u, g``, ``orders 11, 13 to 24``."""
        runs: list[list[int]] = []
        for order in sorted(orders):
            if runs and order == runs[-1][-1] + 1 and order not in self.bands:
                runs[-1].append(order)
            else:
                runs.append([order])
        said = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(self.label, run)) for run in runs]
        return f"order{'s' if len(runs) > 1 or len(runs[0]) > 1 else ''} {', '.join(said)}"
