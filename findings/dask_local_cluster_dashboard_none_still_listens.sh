#!/usr/bin/env bash
# distributed 2026.8.0: LocalCluster(dashboard_address=None) does not mean "no HTTP server": the scheduler listens on port 8787 all the same, on
# every interface, and so does the worker on a port of its own; a second cluster on the machine warns that 8787 is in use.  A local, silent
# cluster needs dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0" and scheduler_kwargs={"dashboard": False}.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install --quiet --disable-pip-version-check "dask==2026.8.0" "distributed==2026.8.0"
cat > "$folder/show.py" <<'PY'
import warnings
from importlib.metadata import version

import psutil
from distributed import LocalCluster


def addresses(**options):
    """Where the scheduler's HTTP server listens, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **options) as cluster:
            assert cluster.scheduler is not None
            listening = [c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    return sorted((address.ip, address.port) for address in listening), [str(one.message).splitlines()[0] for one in caught]


if __name__ == "__main__":
    print("distributed", version("distributed"))
    silent, said = addresses(dashboard_address=None)
    print("dashboard_address=None:", silent, said)
    local, _ = addresses(
        dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False}
    )
    print("both addresses on the loopback, dashboard off:", local)
    assert silent, "nothing listens any more"
    assert any(host in ("0.0.0.0", "::") for host, _ in silent), silent
    assert all(host == "127.0.0.1" for host, _ in local), local
    print("as described: None listens on every interface")
PY
"$folder/env/bin/python" "$folder/show.py"
