#!/usr/bin/env bash
# ncompress 1.0.2: a .Z file that was cut short, wherever, is unpacked without an error (Unix LZW has no length and no checksum, and the
# library does not say that its last code was incomplete).  ESO's archive delivers raw frames as .fits.Z: a broken download becomes a shorter
# FITS file, and only its header, held against the number of bytes, shows it.  gzip raises EOFError in the same case.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "ncompress==1.0.2" "astropy==8.0.2" "numpy==2.4.6"
"$folder/env/bin/python" - <<'PY'
import gzip
import io
from importlib.metadata import version

import ncompress
import numpy as np
from astropy.io import fits

print("ncompress", version("ncompress"), "astropy", version("astropy"))
image = np.random.default_rng(1).integers(0, 4000, (200, 300), dtype=np.int16)
stream = io.BytesIO()
fits.PrimaryHDU(image).writeto(stream)
whole = stream.getvalue()
packed = ncompress.compress(whole)
for share in (0.9, 0.5, 0.1):
    unpacked = ncompress.decompress(packed[: int(share * len(packed))])
    print(f"{share:.0%} of the file: {len(unpacked)} of {len(whole)} bytes, no error")
    assert len(unpacked) < len(whole)
    assert whole.startswith(unpacked[: len(unpacked) - 64])
try:
    gzip.decompress(gzip.compress(whole)[:-100])
except EOFError as error:
    print("gzip:", error)
else:
    raise SystemExit("gzip did not notice")
print("as described: a cut .Z is read without a word")
PY
