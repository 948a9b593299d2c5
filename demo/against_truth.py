"""Simulate a standard star and a supernova in both arms, reduce all four, hold them against the truth, say where everything is."""

import argparse
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ARMS = {"NIR": ["--ab-mag", "17"], "VIS": ["--ab-mag", "18"]}
STANDARD = ["--target", "standard", "--name", "LTT7987", "--exptime-s", "120", "--seed", "1"]
SUPERNOVA = ["--target", "supernova", "--name", "SN2026demo", "--exptime-s", "600", "--offset-arcsec", "-0.9", "--seed", "2"]


class StepFailed(Exception):
    """A command of the demonstration ended with an error."""


def call(command, *arguments, allowed=(0,)):
    """Run the command and return what it wrote to standard output."""
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        raise StepFailed(f"{' '.join([command, *arguments])}\n{done.stdout}{done.stderr}")
    return done.stdout


def simulate(command, folder, arm, scene):
    """Write a data set; returns its set-of-files."""
    return call(command, "simulate", "--arm", arm, *scene, "-o", str(folder)).strip().splitlines()[-1]


def one_arm(command, folder, arm, magnitude):
    """Standard first, then the supernova with the standard's response; returns the lines to print."""
    data = {kind: folder / "data" / f"{arm}_{kind}" for kind in ("standard", "supernova")}
    out = {kind: folder / "products" / f"{arm}_{kind}" for kind in data}
    sofs = {
        "standard": simulate(command, data["standard"], arm, STANDARD),
        "supernova": simulate(command, data["supernova"], arm, [*SUPERNOVA, *magnitude]),
    }
    call(command, "stare_std", sofs["standard"], "-x", "-o", str(out["standard"]), allowed=(0, 3))
    response = next(out["standard"].rglob("*_RESP.fits"))
    with open(sofs["supernova"], "a", encoding="utf-8") as sof:
        sof.write(f"\n{response.resolve()} RESP_TAB_{arm}\n")
    call(command, "stare", sofs["supernova"], "-x", "-o", str(out["supernova"]))
    lines = []
    for kind in data:
        truth = ["--standard-truth", str(data["standard"])] if kind == "supernova" else []
        lines += [f"{arm} {kind}: products held against the truth", call(command, "validate", str(out[kind]), str(data[kind]), *truth)]
        for label, pattern in (("spectrum", "*_SPECTRUM_1D.fits"), ("report", "*_report.html")):
            lines += [f"  {label}: {path}" for path in sorted(out[kind].rglob(pattern))]
        lines.append("")
    return lines


def main():
    """Run both arms side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--command", default="soxspipe")
    parser.add_argument("--folder", type=Path, default=Path("demo-data"))
    arguments = parser.parse_args()
    command = str(Path(arguments.command).resolve()) if "/" in arguments.command else arguments.command
    for part in ("data", "products"):
        shutil.rmtree(arguments.folder / part, ignore_errors=True)
    began = time.perf_counter()
    print("simulating and reducing a standard star and a supernova in both arms ...", flush=True)
    try:
        with ThreadPoolExecutor(len(ARMS)) as pool:
            jobs = [pool.submit(one_arm, command, arguments.folder, arm, magnitude) for arm, magnitude in ARMS.items()]
            for job in jobs:
                print("\n".join(job.result()), flush=True)
    except StepFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    print("! marks a figure that misses its aim, on the right, which allows for what the photons of the scene alone give")
    print(f"done in {time.perf_counter() - began:.0f} s; everything is under {arguments.folder.resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
