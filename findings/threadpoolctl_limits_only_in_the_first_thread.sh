#!/usr/bin/env bash
# threadpoolctl 3.8.0 with numpy 2.4.6 (OpenBLAS wheels): `threadpool_limits` does nothing, without a word, in any thread but the one that set
# a limit first; the limit that this thread set holds for all.  Version 3.6.0 changed the limit from every thread.  Code that limits BLAS inside
# the worker threads of a pool (Dask, concurrent.futures) and tested well with 3.6 runs with all BLAS threads now.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PY'
import threading

import numpy as np
import threadpoolctl

np.ones((2, 2)) @ np.ones((2, 2))


def blas_threads():
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]


def in_another_thread():
    with threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
        seen.append(blas_threads())


seen = []
with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
    thread = threading.Thread(target=in_another_thread)
    thread.start()
    thread.join()
print("threadpoolctl", threadpoolctl.__version__, "numpy", np.__version__, "BLAS threads under a limit of 1 in a second thread:", seen[0])
PY
for version in 3.6.0 3.8.0; do
  python3 -m venv "$folder/$version" && "$folder/$version/bin/pip" install --quiet --disable-pip-version-check "threadpoolctl==$version" "numpy==2.4.6"
done
old=$("$folder/3.6.0/bin/python" "$folder/show.py"); new=$("$folder/3.8.0/bin/python" "$folder/show.py")
echo "$old"; echo "$new"
[[ $old == *"second thread: [1]" ]] || { echo "3.6.0 no longer limits from a second thread"; exit 1; }
[[ $new == *"second thread: [2]" ]] || { echo "3.8.0 limits from a second thread after all"; exit 1; }
echo "as described: 3.8.0 leaves two threads where one was asked for"
