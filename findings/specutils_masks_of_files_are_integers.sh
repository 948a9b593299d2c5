#!/usr/bin/env bash
# specutils 2.4.0: `Spectrum.read` of a spectrum in an image takes its mask from the first extension called MASK, DQ or QUALITY and keeps it as the
# integers of the file.  `spectrum.flux[~spectrum.mask]`, the line of every tutorial, then is no selection of the good samples: ~0 is -1 and ~1 is
# -2, so that each sample is replaced by the last or the last but one of the spectrum, in an array of the full length and without a word.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
cd "$folder" && "$folder/env/bin/python" -W ignore - <<'PY'
import numpy as np
import specutils
from astropy.io import fits
from specutils import Spectrum

print("specutils", specutils.__version__)
flux, bad = np.arange(10.0), np.zeros(10, dtype=np.int16)
bad[4] = 1
primary = fits.PrimaryHDU(flux)
primary.header.update(CTYPE1="WAVE", CUNIT1="Angstrom", CRVAL1=5000.0, CDELT1=1.0, CRPIX1=1.0, BUNIT="Jy")
for name in ("MASK", "DQ", "QUALITY"):
    fits.HDUList([primary, fits.ImageHDU(bad, name=name)]).writeto("spectrum.fits", overwrite=True)
    spectrum = Spectrum.read("spectrum.fits")
    chosen = spectrum.flux[~spectrum.mask].value
    print(f"{name:8s} mask of type {spectrum.mask.dtype}; flux[~mask] = {chosen}")
    assert spectrum.mask.dtype.kind == "i" and chosen.size == flux.size
    assert set(chosen) == {8.0, 9.0}
assert spectrum.flux[~spectrum.mask.astype(bool)].size == 9
print("as described: the mask has to be made boolean by hand")
PY
