#!/usr/bin/env bash
# synphot 1.8.0: an empirical spectrum loses its negative samples: they become zero when the spectrum is made (`keep_neg=False` by default), with a
# line in astropy's log that names them and no exception.  For a faint spectrum, of which noise carries many samples below zero, a magnitude through
# a filter is far too bright, however many samples the filter averages: 40 spectra of a true flux of one fifth of their noise come out 2.5 times, one
# magnitude, too bright, with a scatter of 3 % of that.  With `keep_neg=True` they are right on average.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "synphot==1.8.0" "astropy==8.0.2" "numpy==2.4.6" "scipy==1.17.1"
"$folder/env/bin/python" -W ignore - <<'PY' 2>/dev/null
import astropy.units as u
import numpy as np
import synphot
from synphot import Box1D, Empirical1D, Observation, SourceSpectrum, SpectralElement

print("synphot", synphot.__version__)
wave = np.linspace(5000.0, 6000.0, 2001)
band = SpectralElement(Box1D, x_0=5500 * u.AA, width=800 * u.AA)
flam = u.erg / u.s / u.cm**2 / u.AA
true, noise, repeated = 0.2e-17, 1e-17, 40


def brightness(seed, keep):
    flux = true + np.random.default_rng(seed).normal(0.0, noise, wave.size)
    source = SourceSpectrum(Empirical1D, points=wave * u.AA, lookup_table=flux * flam, keep_neg=keep)
    return Observation(source, band).effstim("flam").value


mean = {keep: np.mean([brightness(seed, keep) for seed in range(repeated)]) / true for keep in (False, True)}
scatter = np.std([brightness(seed, False) for seed in range(repeated)]) / true / mean[False]
print(f"measured over true flux: {mean[False]:.2f} as it is (scatter {100 * scatter:.0f} %), {mean[True]:.2f} with keep_neg=True")
assert 2.3 < mean[False] < 2.7 and scatter < 0.06
assert abs(mean[True] - 1.0) < 0.1
print("as described: negative samples of noise are taken for nothing, which makes faint sources brighter")
PY
