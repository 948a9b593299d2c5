#!/usr/bin/env bash
# soxspipe 0.17.4 (0.19.0 with Python 3.12 as well): installed into a fresh environment with pip, neither the command nor `import soxspipe` works.
# Its dependency fundamentals 2.7.6 imports `six` without asking for it; other packages used to bring it, and python-dateutil 4.0.0 does not.
# `pip install six` mends it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "soxspipe==0.17.4" "fundamentals==2.7.6" "python-dateutil==4.0.0"
echo "soxspipe $("$folder/env/bin/pip" --disable-pip-version-check show soxspipe | sed -n 's/^Version: //p')"
if "$folder/env/bin/python" -c "import soxspipe" 2> "$folder/errors"; then echo "it starts"; exit 1; fi
tail -1 "$folder/errors"
grep -q "No module named 'six'" "$folder/errors"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check "six==1.17.0"
"$folder/env/bin/python" -W ignore -c "import soxspipe; print('with six: imported')" 2> /dev/null
echo "as described: six is missing"
