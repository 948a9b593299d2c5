#!/usr/bin/env bash
# distributed 2026.8.0: the death of a worker counts against every task that lay on it, not only against the one that ran.  A task that ends its
# worker each time takes a harmless one down that merely waited in line behind it: both futures end in KilledWorker, which names the harmless one as
# what "may have" done it.  Whoever reads the error as a verdict on that task reports sets of a night as bad that would be reduced well alone.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "dask==2026.8.0" "distributed==2026.8.0"
cat > "$folder/show.py" <<'PY'
import os
import time
from importlib.metadata import version

import dask
from distributed import Client, KilledWorker, LocalCluster, wait


def out_of_memory():
    """What a worker without memory does: it is gone at once."""
    time.sleep(0.2)
    os._exit(1)


def harmless():
    time.sleep(1.0)
    return "done"


if __name__ == "__main__":
    print("distributed", version("distributed"), "allowed failures", dask.config.get("distributed.scheduler.allowed-failures"))
    silent = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", silence_logs=50, scheduler_kwargs={"dashboard": False}, **silent
    ) as cluster, Client(cluster) as client:
        deadly = client.submit(out_of_memory, pure=False, priority=1)
        other = client.submit(harmless, pure=False)
        wait([deadly, other], timeout=120)
        error = other.exception()
        print("the harmless task:", other.status, type(error).__name__)
        assert isinstance(deadly.exception(), KilledWorker)
        assert isinstance(error, KilledWorker) and str(error.task) == other.key
        again = client.submit(harmless, pure=False).result(timeout=60)
        print("the same function once more, alone:", again)
        assert again == "done"
    print("as described: what waited on a worker is given up with what ended it")
PY
"$folder/env/bin/python" "$folder/show.py"
