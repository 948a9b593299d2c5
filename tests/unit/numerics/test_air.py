"""Air and vacuum: pinned to tabulated refractivity and to laboratory wavelengths."""

from __future__ import annotations

import numpy as np
import pytest

from soxspipe.numerics.air import air_to_vacuum, hydrogen_lines_air_nm, refraction_arcsec, refractivity, vacuum_to_air


@pytest.mark.parametrize(
    ("vacuum_nm", "air_nm"),
    [
        (404.7708, 404.6565),  # Hg I, NIST, vacuum and air
        (546.2268, 546.0750),  # Hg I
        (656.4614, 656.2801),  # H alpha
        (811.7542, 811.5311),  # Ar I
        (1014.2531, 1013.9753),  # Hg I
        (1694.5208, 1694.0581),  # Ar I
    ],
)
def test_pairs_of_laboratory_wavelengths(vacuum_nm: float, air_nm: float) -> None:
    # pairs are printed to 1e-4 nm, and NIST's own air values follow Peck & Reeder: 2e-4 nm is 0.1 km/s at 600 nm
    assert vacuum_to_air(vacuum_nm) == pytest.approx(air_nm, abs=2.5e-4)


@pytest.mark.parametrize("vacuum_nm", [300.0, 400.0, 589.3, 800.0, 1000.0, 1300.0, 1690.0, 2000.0, 2400.0])
def test_refractivity_agrees_with_the_dispersion_of_peck_and_reeder(vacuum_nm: float) -> None:
    # Peck & Reeder 1972 (J. Opt. Soc. Am. 62, 958), their fit to measurements from 185 to 1690 nm; 2e-8 is 6 m/s, and their air has less CO2
    s = (1000.0 / vacuum_nm) ** 2
    measured = 1e-8 * (8060.51 + 2480990.0 / (132.274 - s) + 17455.7 / (39.32957 - s))
    assert refractivity(vacuum_nm) == pytest.approx(measured, abs=2e-8)


def test_both_ways_give_the_same_wavelength_from_300_to_2500_nm() -> None:
    air = np.linspace(300.0, 2500.0, 2201)
    assert np.abs(vacuum_to_air(air_to_vacuum(air)) / air - 1.0).max() < 3e-15


@pytest.mark.parametrize(
    ("lower", "upper", "air_nm"),
    [(2, 3, 656.280), (2, 4, 486.133), (2, 5, 434.047), (3, 5, 1281.808), (3, 8, 954.597), (3, 9, 922.902), (3, 10, 901.491), (4, 7, 2165.53), (4, 10, 1736.21), (4, 11, 1680.65)],
)  # fmt: skip
def test_hydrogen_lines_in_air(lower: int, upper: int, air_nm: float) -> None:
    # NIST and Wiese & Fuhr (2009), air; 0.01 nm is the fine structure that is left out
    assert hydrogen_lines_air_nm(lower, range(upper, upper + 1))[0] == pytest.approx(air_nm, abs=0.012)


def test_refraction_by_hand() -> None:
    """Indices 1.00028275 at 400 nm and 1.00027896 at 500 nm; pressure exp(-2000/8400) = 0.788; tan z = 1.118 at air mass 1.5."""
    lift = refraction_arcsec(np.array([400.0, 500.0]), reference_nm=500.0, airmass=1.5, height_m=2000.0)
    assert lift == pytest.approx([206265 * 3.79e-6 * 0.788 * 1.118, 0.0], abs=0.005)
    assert np.all(refraction_arcsec(np.array([400.0]), reference_nm=500.0, airmass=1.0, height_m=2000.0) == 0.0)
