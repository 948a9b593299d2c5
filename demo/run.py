"""Simulate a small night (raw calibrations, a standard star, a supernova, both arms), reduce it, and say where its page is."""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

NIGHT = ["--standards", "1", "--targets", "1", "--with-truth", "false", "--flat-frames", "3", "--standard-slit-arcsec", "1.0"]
"""One slit for standard and target saves a set of flats, and the demonstration some seconds."""

GOOD = (0, 3)
"""Statuses of a night that was reduced; 3 says that a standard or master is out of a range of quality control."""


def main():
    """Run both commands."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default="soxspipe")
    parser.add_argument("--folder", type=Path, default=Path("demo-data"))
    arguments = parser.parse_args()
    command = str(Path(arguments.command).resolve()) if "/" in arguments.command else arguments.command
    raw, reduced = arguments.folder / "raw", arguments.folder / "reduced"
    for folder in (raw, reduced):
        shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    print("simulating a small night: raw calibrations, a standard star and a supernova, in both arms ...", flush=True)
    status = subprocess.run([command, "simulate", "--night", *NIGHT, "-o", str(raw)], check=False).returncode
    if status != 0:
        return status
    print(f"{time.perf_counter() - began:.0f} s; reducing it ...", flush=True)
    status = subprocess.run([command, "night", str(raw), "-o", str(reduced)], check=False).returncode
    if status not in GOOD:
        return status
    page = next(reduced.glob("night_*.html")).resolve()
    print(f"done in {time.perf_counter() - began:.0f} s; open {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
