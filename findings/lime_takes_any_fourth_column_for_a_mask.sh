#!/usr/bin/env bash
# LiMe 2.0.5 (lime-stable): `Spectrum.from_file(path, instrument="text")` takes the fourth column of a text for a mask of bad pixels, whatever it
# holds and without a word.  A third column is the error, as one would guess; a fourth is as often a weight, where 1 is good and 0 is bad: then the
# bad samples are kept and all good ones left out.  A column of quality bits (0, 1, 256, ...) does work.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "lime-stable==2.0.5"
cd "$folder"
env/bin/python -W ignore - <<'PY'
from importlib.metadata import version

import lime
import numpy as np

print("lime-stable", version("lime-stable"))
wave = np.linspace(5000.0, 5100.0, 101)
flux, error = np.full(wave.size, 3e-16), np.full(wave.size, 1e-17)
weight = np.ones(wave.size)
weight[40:45] = 0.0
bits = np.where(weight > 0.0, 0.0, 256.0)
for name, columns, expected in (("three columns", (), 0), ("weights in the fourth", (weight,), 96), ("quality bits in the fourth", (bits,), 5)):
    np.savetxt("spectrum.txt", np.column_stack([wave, flux, error, *columns]))
    read = lime.Spectrum.from_file("spectrum.txt", instrument="text", redshift=0.0, norm_flux=1e-17)
    masked = int(np.ma.getmaskarray(np.ma.asarray(read.flux)).sum())
    print(f"{name}: {masked} of {wave.size} samples left out")
    assert masked == expected
print("as described: weights are read as a mask, upside down")
PY
