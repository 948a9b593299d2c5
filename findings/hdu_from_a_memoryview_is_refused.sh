#!/usr/bin/env bash
# astropy 8.0.1: the docstring of `ImageHDU.fromstring` names memoryviews and arrays as input and says that the image of a memoryview can be written
# to.  Only bytes work: what a socket, a shared memory or a file's buffer gives (bytearray, memoryview, an array of bytes) ends in a TypeError about
# joining strings, so that an image has to be copied once more.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "astropy==8.0.1"
cd "$folder"
env/bin/python -W ignore - <<'PY'
import io
from importlib.metadata import version

import numpy as np
from astropy.io import fits

print("astropy", version("astropy"))
stream = io.BytesIO()
fits.ImageHDU(np.arange(12.0).reshape(3, 4)).writeto(stream)
whole = stream.getvalue()[2880:]
text = fits.ImageHDU.fromstring.__doc__
print("documented:", [kind for kind in ("memoryview", "ndarray") if kind in text])
for kind, data in (("bytes", whole), ("ndarray", np.frombuffer(whole, np.uint8)), ("bytearray", bytearray(whole)), ("memoryview", memoryview(whole))):
    try:
        found = f"{fits.ImageHDU.fromstring(data).data.sum():.0f}"
    except TypeError as error:
        found = f"TypeError: {error}"
    print(f"{kind}: {found}")
    assert found.startswith("TypeError") == (kind != "bytes")
print("as described: bytes alone are taken")
PY
