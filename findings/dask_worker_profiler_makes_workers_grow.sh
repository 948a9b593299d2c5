#!/usr/bin/env bash
# distributed 2026.8.0: each worker records where its Python is every 10 ms and keeps the call trees of every second for 1000 s
# (distributed.worker.profile, on by default, also without a dashboard).  Tasks whose code runs through many functions let a worker grow by about
# half a megabyte for each second of work, as a leak would, although they keep nothing; distributed.worker.profile.enabled: false ends it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "dask==2026.8.0" "distributed==2026.8.0" "psutil==7.1.3"
cat > "$folder/show.py" <<'PY'
import gc
import json
import random
import statistics
import time
from importlib.metadata import version

import dask
import psutil
from distributed import Client, LocalCluster

KEY = "distributed.worker.profile.enabled"


def work(seconds=6.0):
    """Read and write JSON, sort and count through the standard library; returns the worker's memory in MB afterwards."""
    draw, end = random.Random(1), time.perf_counter() + seconds
    steps = [
        lambda: json.loads(json.dumps([{"a": draw.random(), "b": [str(k) for k in range(30)]} for _ in range(50)], indent=1)),
        lambda: statistics.linear_regression([draw.random() for _ in range(400)], [draw.random() for _ in range(400)]),
        lambda: sorted((draw.gauss(0, 1) for _ in range(2000)), key=lambda x: statistics.fmean([x, 1.0])),
        lambda: statistics.quantiles([draw.random() for _ in range(3000)], n=100, method="inclusive"),
    ]

    def deeper(level):
        return draw.choice(steps)() if level == 0 else deeper(level - 1)

    while time.perf_counter() < end:
        deeper(draw.randrange(40))
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def memory(*, profile):
    """Memory of one worker after each of five equal tasks."""
    silent = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with dask.config.set({KEY: profile}), LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", scheduler_kwargs={"dashboard": False}, **silent
    ) as cluster, Client(cluster) as client:
        return [client.submit(work, pure=False).result() for _ in range(5)]


if __name__ == "__main__":
    print("distributed", version("distributed"), KEY, dask.config.get(KEY))
    assert dask.config.get(KEY)
    recorded, plain = memory(profile=True), memory(profile=False)
    print("MB after each task, profiler as it is:", *(f"{m:.0f}" for m in recorded))
    print("MB after each task, profiler off:     ", *(f"{m:.0f}" for m in plain))
    assert recorded[-1] - recorded[0] > 5.0 + 2.0 * abs(plain[-1] - plain[0]), (recorded, plain)
    print("as described: the worker grows while it is profiled, and not otherwise")
PY
"$folder/env/bin/python" "$folder/show.py"
