"""Spectral lines to lay over a spectrum, by rest wavelength in vacuum.

Lines redward of 200 nm are listed in air, as tables of the optical print them, and converted; those in the ultraviolet are in
vacuum.  In the page a line is shifted in vacuum and then brought to air at the wavelength where it is observed.
Wavelengths: NIST Atomic Spectra Database, rounded to 0.01 nm or better; blends carry the mean of their members.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from soxspipe.numerics.air import air_to_vacuum

Line: TypeAlias = tuple[str, float]

_AIR_NM: Mapping[str, tuple[Line, ...]] = {
    "Hydrogen": (
        ("Hα", 656.279), ("Hβ", 486.135), ("Hγ", 434.047), ("Hδ", 410.173), ("Hε", 397.008), ("H8", 388.906),
        ("Paα", 1875.10), ("Paβ", 1281.81), ("Paγ", 1093.81), ("Paδ", 1004.94), ("Paε", 954.60), ("Pa9", 922.90), ("Pa10", 901.49),
        ("Brγ", 2165.53), ("Brδ", 1944.56), ("Brε", 1817.41), ("Br10", 1736.21), ("Br11", 1680.65), ("Br12", 1640.72),
    ),
    "Helium": (
        ("He I", 388.865), ("He I", 447.148), ("He II", 468.571), ("He I", 501.568), ("He II", 541.152), ("He I", 587.562),
        ("He I", 667.815), ("He I", 706.519), ("He II", 1012.36), ("He I", 1083.03), ("He I", 1700.24), ("He I", 2058.13),
    ),
    "Supernova": (
        ("Ca II K", 393.366), ("Ca II H", 396.847), ("Si II", 412.96), ("Mg II", 448.12), ("Fe II", 492.393), ("Fe II", 501.844),
        ("Fe II", 516.903), ("S II", 545.4), ("S II", 564.0), ("Na I D", 589.294), ("Si II", 597.11), ("Si II", 635.52),
        ("C II", 658.05), ("O I", 777.34), ("Ca II", 849.802), ("Ca II", 854.209), ("Ca II", 866.214), ("O I", 844.65),
        ("O I", 926.42), ("Mg II", 1092.7), ("[Fe II]", 1256.68), ("[Fe II]", 1643.55),
    ),
    "Galaxy": (
        ("[O II]", 372.742), ("[Ne III]", 386.876), ("[O III]", 436.321), ("[O III]", 495.891), ("[O III]", 500.684),
        ("[O I]", 630.030), ("[N II]", 654.805), ("[N II]", 658.345), ("[S II]", 671.644), ("[S II]", 673.082), ("[S III]", 906.86),
        ("[S III]", 953.06),
    ),
}  # fmt: skip
_VACUUM_NM: Mapping[str, tuple[Line, ...]] = {
    "UV absorption": (
        ("Lyα", 121.567), ("Si II", 126.042), ("O I", 130.217), ("C II", 133.453), ("Si IV", 139.376), ("Si IV", 140.277),
        ("Si II", 152.671), ("C IV", 154.820), ("C IV", 155.077), ("Fe II", 160.845), ("Al II", 167.079), ("Al III", 185.472),
        ("Al III", 186.279), ("Zn II", 202.614), ("Fe II", 234.421), ("Fe II", 237.446), ("Fe II", 238.276), ("Fe II", 258.665),
        ("Fe II", 260.017), ("Mg II", 279.635), ("Mg II", 280.353), ("Mg I", 285.296),
    ),
}  # fmt: skip


LINES: Mapping[str, tuple[Line, ...]] = MappingProxyType(
    {name: tuple((label, air_to_vacuum(nm)) for label, nm in lines) for name, lines in _AIR_NM.items()} | dict(_VACUUM_NM)
)
"""Sets of lines by name; label and vacuum wavelength (nm)."""
