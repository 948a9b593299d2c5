#!/usr/bin/env bash
# specutils 2.4.0: of the measures of a line, `line_flux`, `centroid`, `snr` and `gaussian_sigma_width` leave masked samples out; `moment` and `fwhm`
# take them like any other, and `find_lines_threshold` finds a line in one.  With one masked cosmic ray beside an emission line, the moment of order 0
# (which is the line's flux) is 28 times too large and the width is that of the cosmic ray, without a warning.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
"$folder/env/bin/python" -W ignore - <<'PY'
import astropy.units as u
import numpy as np
import specutils
from astropy.nddata import StdDevUncertainty
from specutils import Spectrum
from specutils.analysis import centroid, fwhm, line_flux, moment
from specutils.fitting import find_lines_threshold

print("specutils", specutils.__version__)
wave = np.linspace(640.0, 672.0, 321)
line = np.exp(-0.5 * ((wave - 656.3) / 1.2) ** 2)
struck = np.abs(wave - 650.0) < 0.04


def spectrum(flux):
    return Spectrum(
        flux=flux * u.Jy, spectral_axis=wave * u.nm, mask=struck, uncertainty=StdDevUncertainty(np.full(wave.size, 0.02) * u.Jy)
    )


clean, hit = spectrum(line), spectrum(line + 800.0 * struck)
print(f"{struck.sum()} of {wave.size} samples masked; with and without a cosmic ray in it:")
for name, measure in (
    ("line_flux", line_flux),
    ("centroid", centroid),
    ("moment of order 0", lambda s: moment(s, order=0)),
    ("moment of order 1", lambda s: moment(s, order=1)),
    ("fwhm", fwhm),
):
    print(f"  {name:18s} {measure(hit):10.3f} {measure(clean):10.3f}")
assert abs(line_flux(hit) / line_flux(clean) - 1) < 0.01
assert abs(centroid(hit) - centroid(clean)).value < 0.01
assert moment(hit, order=0) / moment(clean, order=0) > 20
assert abs(moment(hit, order=1).value - 650.0) < 0.5
assert abs(fwhm(clean).value - 2.83) < 0.05 and fwhm(hit).value < 0.3
found = find_lines_threshold(hit, noise_factor=5)
print("  find_lines_threshold:", ", ".join(f"{place:.1f}" for place in found["line_center"].value), "nm")
assert np.any(np.abs(found["line_center"].value - 650.0) < 0.1)
print("as described: moment, fwhm and find_lines_threshold do not look at the mask")
PY
