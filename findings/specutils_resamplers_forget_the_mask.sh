#!/usr/bin/env bash
# specutils 2.4.0: `FluxConservingResampler` and `LinearInterpolatedResampler` take no notice of a spectrum's mask: the masked samples go into the
# result with their full weight, and the result has no mask.  One cosmic ray that a pipeline had flagged (here a millionfold the continuum) is a
# line of 1e5 in good standing after rebinning.  `line_flux` and `snr`, same package, leave masked samples out.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
"$folder/env/bin/python" -W ignore - <<'PY'
import astropy.units as u
import numpy as np
import specutils
from astropy.nddata import StdDevUncertainty
from specutils import Spectrum
from specutils.analysis import line_flux
from specutils.manipulation import FluxConservingResampler, LinearInterpolatedResampler

print("specutils", specutils.__version__)
n = 20001
flux, bad = np.ones(n), np.zeros(n, dtype=bool)
flux[10000], bad[10000] = 1e6, True
axis = np.linspace(500.0, 600.0, n) * u.nm
spectrum = Spectrum(flux=flux * u.Jy, spectral_axis=axis, uncertainty=StdDevUncertainty(np.full(n, 0.1)), mask=bad)
for resampler in (FluxConservingResampler, LinearInterpolatedResampler):
    result = resampler()(spectrum, np.linspace(501.0, 599.0, 1961) * u.nm)
    print(f"{resampler.__name__:28s} maximum {result.flux.value.max():.0f}, mask {result.mask}")
    assert result.flux.value.max() > 9e4 and result.mask is None
total = line_flux(spectrum).value
print(f"line_flux over the same spectrum: {total:.1f} Jy nm, 100 without the masked sample, 5100 with it")
assert abs(total - 100.0) < 1.0, total
print("as described: resampling uses masked samples and returns no mask")
PY
