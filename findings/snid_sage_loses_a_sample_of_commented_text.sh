#!/usr/bin/env bash
# snid-sage 1.2.5: `load_spectrum` drops the first sample of a plain two-column text that begins with a comment line: the letter e of a flux in
# exponential form (3.86e-16) makes it take that line for column names.  And it reads no unit of a FITS spectrum but guesses it from the numbers: one
# in nm is known as such only if all of it lies below 1000, so the near infrared, 1549 to 2033 nm, is read as 1549 to 2033 Angstrom.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "snid-sage==1.2.5"
cd "$folder"
env/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from astropy.io import fits
from snid_sage.shared.utils.data_io.spectrum_loader import load_spectrum

print("snid-sage", version("snid-sage"))
wave, flux = np.arange(4000.0, 4010.0, 2.0), np.linspace(3.86e-16, 4.2e-16, 5)
np.savetxt("plain.txt", np.column_stack([wave, flux]))
np.savetxt("with_comment.txt", np.column_stack([wave, flux]), header="wavelength flux")
for name, samples in (("plain.txt", wave.size), ("with_comment.txt", wave.size - 1)):
    read = len(load_spectrum(name)[0])
    print(f"{name}: {read} of {wave.size} samples")
    assert read == samples

nm = np.linspace(1549.0, 2033.0, 600)
cards = {"CTYPE1": "AWAV", "CUNIT1": "nm", "CRPIX1": 1.0, "CRVAL1": nm[0], "CDELT1": nm[1] - nm[0]}
fits.PrimaryHDU(np.full(nm.size, 1e-16), fits.Header(cards)).writeto("infrared.fits")
first = float(np.asarray(load_spectrum("infrared.fits")[0])[0])
print(f"infrared.fits begins at 1549 nm = 15490 Angstrom; read as {first:.0f} Angstrom")
assert abs(first - 1549.0) < 2.0
print("as described: one sample lost, and nm taken for Angstrom")
PY
