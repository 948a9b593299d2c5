#!/usr/bin/env bash
# specreduce 1.9.0: `BoxcarExtract` with its default `mask_treatment="apply"` scales a column with masked pixels by their number, as if the light
# were spread evenly over the aperture, and does not mark it: one bad pixel in the middle of a star takes 10 % of the flux of its column, with an
# error that grows by 4 % and no mask.  `HorneExtract` on the same image with the same mask keeps the flux.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specreduce==1.9.0" "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
"$folder/env/bin/python" -W ignore - <<'PY'
from importlib.metadata import version

import astropy.units as u
import numpy as np
from astropy.nddata import NDData, VarianceUncertainty
from specreduce.extract import BoxcarExtract, HorneExtract
from specreduce.tracing import FlatTrace

print("specreduce", version("specreduce"), "specutils", version("specutils"))
rows, columns, flux, column = 41, 300, 1000.0, 100
profile = np.exp(-0.5 * ((np.arange(rows) - 20) / 2.5) ** 2)
image = flux * (profile / profile.sum())[:, None] * np.ones(columns)
bad = np.zeros(image.shape, dtype=bool)
bad[20, column] = True
frame = NDData(image, uncertainty=VarianceUncertainty(np.full(image.shape, 25.0)), unit=u.electron, mask=bad)
for name, method in (("boxcar", BoxcarExtract(frame, FlatTrace(image, 20), width=15)), ("Horne", HorneExtract(frame, FlatTrace(image, 20)))):
    spectrum = method.spectrum
    ratio = float(spectrum.flux[column] / spectrum.flux[column + 1])
    errors = spectrum.uncertainty.array[column] / spectrum.uncertainty.array[column + 1]
    marked = spectrum.mask is not None and bool(spectrum.mask[column])
    print(f"{name:7s} flux beside its neighbour {ratio:.3f}, variance beside its neighbour {errors:.2f}, column marked: {marked}")
    assert not marked
    assert abs(ratio - (0.90 if name == "boxcar" else 1.0)) < 0.02, (name, ratio)
    assert errors < 1.5, errors
print("as described: the boxcar loses the light of a masked pixel without a mark")
PY
