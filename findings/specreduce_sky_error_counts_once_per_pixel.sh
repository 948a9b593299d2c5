#!/usr/bin/env bash
# specreduce 1.9.0: after `Background.two_sided(...).sub_image()` the error of the sky level stands in every pixel of the image as if each had its own,
# and `BoxcarExtract` adds pixels up as independent.  The level of a column is one number, so its error is the same in all of its pixels and grows with
# the width of the aperture, not with the root of it.  With an aperture of 20 pixels and a sky from 2 x 4, 2 x 12 and 2 x 20 pixels, spectra scatter
# 1.5, 1.2 and 1.1 times as much as the spectrum's uncertainty says.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specreduce==1.9.0" "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
"$folder/env/bin/python" -W ignore - <<'PY'
import astropy.units as u
import numpy as np
import specreduce
from astropy.nddata import NDData, StdDevUncertainty
from specreduce.background import Background
from specreduce.extract import BoxcarExtract
from specreduce.tracing import FlatTrace

print("specreduce", specreduce.__version__)
rows, columns, middle, aperture = 100, 2000, 50, 20
profile = np.exp(-0.5 * ((np.arange(rows) - middle) / 3.0) ** 2)
light = 1000.0 * (profile / profile.sum())[:, None] + np.full((rows, columns), 100.0)
sigma = np.sqrt(light + 25.0)
noisy = light + np.random.default_rng(1).normal(0.0, 1.0, light.shape) * sigma
image = NDData(noisy * u.electron, uncertainty=StdDevUncertainty(sigma))
trace = FlatTrace(image, middle)
for width, expected in ((4, 1.54), (12, 1.23), (20, 1.14)):
    sky = Background.two_sided(image, trace, 25, width=width)
    spectrum = BoxcarExtract(sky.sub_image(), trace, width=aperture).spectrum
    scatter, stated = spectrum.flux.value.std(), np.median(spectrum.uncertainty.array)
    common = np.hypot(np.sqrt((light[40:60, 0] + 25.0).sum()), aperture * np.sqrt(125.0 / (2 * width)))
    print(f"sky of 2 x {width:2d} pixels: mean {spectrum.flux.value.mean():6.1f}, scatter {scatter:.1f}, stated {stated:.1f}, with a common level {common:.1f}")
    assert abs(spectrum.flux.value.mean() - 1000.0) < 10.0
    assert abs(scatter / common - 1.0) < 0.08
    assert abs(scatter / stated - expected) < 0.08
print("as described: the error of the sky level is counted once per pixel")
PY
