#!/usr/bin/env bash
# NGSF 0.0.2 (classifies supernova spectra): its "linear" errors should be the scatter about straight lines through every ten samples.  The line of
# the last ten is subtracted from all others, so the error of a sample is the slope of the spectrum there: a smooth spectrum with a noise of 1 % gets
# errors of 1 to 7 %, and one without any noise gets the same.  Chi square then counts steep parts, the features that tell a type, least.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "NGSF==0.0.2"
cd "$folder"
env/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import numpy as np
from NGSF.error_routines import linear_error

print("NGSF", version("NGSF"))
wave = np.linspace(4000.0, 8000.0, 400)
smooth = 1.0 + 0.5 * np.sin(wave / 300.0)
noise = np.random.default_rng(1).normal(0.0, 0.01, wave.size)
for name, flux in (("noise of 0.010", smooth + noise), ("no noise", smooth)):
    told = linear_error(np.column_stack([wave, flux]))[:, 1]
    print(f"{name}: errors from {told.min():.4f} to {told.max():.4f}, median {np.median(told):.4f}")
    assert np.median(told) > 0.02
flat = linear_error(np.column_stack([wave, 1.0 + noise]))[:, 1]
print(f"the same noise on a flat spectrum: median {np.median(flat):.4f}")
assert 0.008 < np.median(flat) < 0.012
print("as described: the slope is taken for noise")
PY
