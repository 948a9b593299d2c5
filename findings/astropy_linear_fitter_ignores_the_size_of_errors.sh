#!/usr/bin/env bash
# astropy 8.0.2: with `calc_uncertainties=True` and `weights=1/sigma`, the non-linear fitters take sigma as it is (errors ten times larger give
# parameters with errors ten times larger), while `LinearLSQFitter`, same module, same option, rescales its covariance by the scatter of the
# residuals: its parameter errors do not depend on sigma at all.  A straight line through points with known errors comes out with other errors
# from one fitter than from another, by the square root of the reduced chi square.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "astropy==8.0.2" "scipy==1.17.1" "numpy==2.4.6"
"$folder/env/bin/python" -W ignore - <<'PY'
import astropy
import numpy as np
from astropy.modeling import fitting, models

print("astropy", astropy.__version__)
x = np.linspace(-5.0, 5.0, 200)
y = 2.0 * x + np.random.default_rng(1).normal(0.0, 0.1, x.size)
growth = {}
for name in ("LinearLSQFitter", "LMLSQFitter", "TRFLSQFitter"):
    errors = []
    for sigma in (0.1, 1.0):
        fitter = getattr(fitting, name)(calc_uncertainties=True)
        line = fitter(models.Polynomial1D(1), x, y, weights=np.full(x.size, 1.0 / sigma))
        errors.append(float(line.stds["c1"]))
    growth[name] = errors[1] / errors[0]
    print(f"{name:16s} error of the slope for sigma 0.1 and 1: {errors[0]:.5f}, {errors[1]:.5f}")
assert abs(growth["LinearLSQFitter"] - 1.0) < 0.01, growth
assert abs(growth["LMLSQFitter"] - 10.0) < 0.1 and abs(growth["TRFLSQFitter"] - 10.0) < 0.1, growth
print("as described: the linear fitter alone rescales, whatever sigma is")
PY
