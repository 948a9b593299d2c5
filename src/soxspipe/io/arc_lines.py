"""What is known of an arm's arc frames before one is seen: geometry, lines of the lamps, pinhole mask."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soxspipe.algorithms.calibration.dispersion_basis import (
    DispersionBasis,
    echelle_basis,
    separate_basis,
    separate_powers,
    surface_powers,
)
from soxspipe.algorithms.calibration.predict_lines import ArcPrediction, LampLines
from soxspipe.datamodel.geometry import DispersionPolynomial
from soxspipe.errors import InputError
from soxspipe.instruments.registry import find_instrument
from soxspipe.io.static import read_arc_table, read_geometry, read_spectral_format
from soxspipe.numerics.chebyshev import Extended

SLIT_UNIT_ARCSEC = 6.0
"""Slit positions are divided by this in the geometry models that are shipped."""
SOXS_NIR_SCALES = (19240.0, 1100.0, 17.0, 7.5)
"""Of order x wavelength (centre, half range) and order (centre, half range), as the README of the static tables has them."""


def has_arc_prediction(instrument: str, arm: str) -> bool:
    """Whether geometry and arc lines of an arm are shipped."""
    return read_arc_table(f"wavelength/{find_instrument(instrument).arms[arm].static.spectral_format}") is not None


def read_arc_prediction(instrument: str, arm: str) -> ArcPrediction:
    """Predicted geometry and lines of an arm.

    Raises
    ------
    InputError
        If no arc lines are shipped for it.
    """
    key = find_instrument(instrument).arms[arm].static.spectral_format
    wavelength = read_arc_table(f"wavelength/{key}")
    if wavelength is None:
        raise InputError(f"no arc lines are known for {instrument} {arm}")
    ranges = {entry.order: entry.full_nm for entry in read_spectral_format(instrument, arm).orders}
    basis, x, y = _geometry(key, ranges, f"{instrument} {arm}")
    lamp_lines = LampLines(
        wavelength_nm=wavelength,
        ion=tuple(str(name) for name in np.asarray(read_arc_table(f"ion/{key}"))),
        doubtful=np.asarray(read_arc_table(f"doubtful/{key}"), dtype=bool),
    )
    return ArcPrediction(
        basis=basis, x=x, y=y, lines=lamp_lines, mask_arcsec=np.asarray(read_arc_table(f"mask/{key}")), ranges_nm=ranges,
        expected=np.asarray(read_arc_table(f"expected/{key}")),
    )  # fmt: skip


def _geometry(
    key: str, ranges: Mapping[int, tuple[float, float]], name: str
) -> tuple[DispersionBasis, DispersionPolynomial, DispersionPolynomial]:
    """Functions in which the arm is fitted, and polynomials of the predicted geometry."""
    orders = tuple(sorted(ranges))
    if key == "soxs_vis":
        scale = read_geometry("model/soxs_vis_scale")
        scale = scale[np.argsort(scale[:, 0])]
        table = read_geometry("model/soxs_vis")
        terms = np.column_stack([table[:, 1], np.searchsorted(orders, table[:, 0]), table[:, 2]]).astype(np.int64)
        made = [separate_powers(orders, terms, table[:, k], scale[:, 1:], SLIT_UNIT_ARCSEC) for k in (3, 4)]
        return separate_basis(ranges, SLIT_UNIT_ARCSEC), *_polynomials(made)
    surface = read_geometry("model/soxs_nir") if key == "soxs_nir" else read_arc_table(f"surface/{key}")
    if surface is None:
        raise InputError(f"no geometry is known for {name}")
    stored = SOXS_NIR_SCALES if key == "soxs_nir" else np.asarray(read_arc_table(f"scales/{key}"))
    scales = (float(stored[0]), float(stored[1]), float(stored[2]), float(stored[3]))
    made = [surface_powers(surface[:, :3].astype(np.int64), surface[:, k], scales, SLIT_UNIT_ARCSEC) for k in (3, 4)]
    return echelle_basis(ranges, scales, SLIT_UNIT_ARCSEC), *_polynomials(made)


def _polynomials(made: list[Extended]) -> tuple[DispersionPolynomial, DispersionPolynomial]:
    return DispersionPolynomial(coefficients=made[0]), DispersionPolynomial(coefficients=made[1])
