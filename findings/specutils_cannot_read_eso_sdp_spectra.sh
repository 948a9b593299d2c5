#!/usr/bin/env bash
# specutils 2.4.0: the form in which ESO's archive keeps every reduced 1-D spectrum (Science Data Product: one table row whose cells hold the
# arrays) is taken by the reader `tabular-fits`, which then fails with "lookup_table should be an array with 1 dimensions".  Nothing in the file is
# wrong, units included; the same columns with one row a sample are read.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "specutils==2.4.0" "astropy==8.0.2" "numpy==2.4.6"
cd "$folder" && "$folder/env/bin/python" -W ignore - <<'PY'
import numpy as np
import specutils
from astropy.io import fits
from specutils import Spectrum

print("specutils", specutils.__version__)
n = 50
data = {"WAVE": np.linspace(5000.0, 6000.0, n), "FLUX": np.ones(n), "ERR": np.full(n, 0.1)}
units = {"WAVE": "angstrom"} | dict.fromkeys(("FLUX", "ERR"), "erg cm**(-2) s**(-1) angstrom**(-1)")


def write(name: str, one_row: bool) -> None:
    columns = [fits.Column(k, f"{n}D" if one_row else "D", unit=units[k], array=v[None] if one_row else v) for k, v in data.items()]
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    table.header.update(VOCLASS="SPECTRUM v2.0", TUCD1="em.wl;obs.atmos", TUTYP1="Spectrum.Data.SpectralAxis.Value")
    primary = fits.PrimaryHDU()
    primary.header.update(ORIGIN="ESO", PRODCATG="SCIENCE.SPECTRUM")
    fits.HDUList([primary, table]).writeto(name)


write("rows.fits", one_row=False)
write("sdp.fits", one_row=True)
print("one row a sample:", Spectrum.read("rows.fits").flux.shape)
try:
    Spectrum.read("sdp.fits")
except ValueError as error:
    print("one row with arrays:", error)
    assert "1 dimension" in str(error)
else:
    raise SystemExit("the product was read")
print("as described: the archive's form is not read")
PY
