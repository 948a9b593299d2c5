#!/usr/bin/env bash
# specutils 2.4.0 with astropy 8.0.2: two files that differ in one card are read in different units.  With CTYPE1 = 'WAVE' or 'AWAV', the types that
# the FITS standard wants, the axis of a spectrum in nm or Angstrom comes back in metres (wcslib converts to SI); with 'LINEAR' it stays in the unit
# of the file.  Code that takes `spectral_axis.value` and plots it works with one and shows 5e-7 with the other.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
cd "$folder" && "$folder/env/bin/python" -W ignore - <<'PY'
import astropy
import numpy as np
import specutils
from astropy.io import fits
from specutils import Spectrum

print("specutils", specutils.__version__, "astropy", astropy.__version__)
for kind, unit, found in (("WAVE", "nm", "m"), ("AWAV", "nm", "m"), ("AWAV", "Angstrom", "m"), ("LINEAR", "nm", "nm")):
    primary = fits.PrimaryHDU(np.ones(10))
    primary.header.update(CTYPE1=kind, CUNIT1=unit, CRVAL1=500.0, CDELT1=0.1, CRPIX1=1.0, BUNIT="Jy")
    primary.writeto("spectrum.fits", overwrite=True)
    axis = Spectrum.read("spectrum.fits").spectral_axis
    print(f"CTYPE1={kind:6s} CUNIT1={unit:8s}: {axis[0]}")
    assert str(axis.unit) == found, axis.unit
print("as described: the unit depends on the type of the axis")
PY
