"""Frames and headers as reality spoils them: what it does to the spectrum, and whether the user is told.

    python benchmarks/attack_frames.py SET [SET ...] [--only WORD ...] [--work DIR] [--table FILE.md] [--list]

A SET is a folder with raw frames, masters, one SOF and `truth.fits`, as `soxspipe simulate` makes it: full frames, unbinned.  One thing
is changed at a time (`frame_edits.py`), the set is reduced, and its orders are held against the truth; an edit that changes the target's
light changes the truth as well.  An attack is silent if the flux of the arm or of an order is off by more than 1 % and three of its errors, chi
is above 1.15, or the wavelengths of an order are off by a third of a pixel, where the set as it is does not have that, and nothing new is
said; it has a false word if what is said does not speak of it.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frame_edits import ATTACKS, Attack
from frame_set import FrameSet

from soxspipe.io.simulated_products import read_products
from soxspipe.simulate.score import score

FLUX_PCT = 1.0
"""What photometry of a bright star is good to; an error below it changes no result."""
CHI = 1.15
"""Errors that are 13 % too small."""
WAVELENGTH_PX = 0.33
"""A tenth of a resolution element, as seen in line ratios and velocities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one reduction.

    Attributes
    ----------
    score : dict
        Figures of the orders; empty if nothing was delivered.
    said : tuple of str
        Warnings, metrics out of range, or the message of a refusal.
    verdict : str
        As the quality file has it, or ``refused``.
    cpu_s : float
        User and system time.
    """

    score: dict[str, Any]
    said: tuple[str, ...]
    verdict: str
    cpu_s: float

    def figure(self, name: str) -> float:
        """A figure of the arm, NaN if it is not there."""
        value = self.score.get(name)
        return float(value) if isinstance(value, int | float) else math.nan

    def by_order(self, name: str) -> dict[str, float]:
        """A figure of every order that has it."""
        orders = {number: entry.get(name) for number, entry in self.score.get("per_order", {}).items()}
        return {number: float(value) for number, value in orders.items() if isinstance(value, int | float) and math.isfinite(value)}


def run(attack: Attack, source: Path, work: Path, program: list[str]) -> Outcome:
    """Spoil a set, reduce and score it."""
    shutil.rmtree(work, ignore_errors=True)
    frames = FrameSet.read(source, work / "data")
    attack.edit(frames)
    command = [*program, "stare_std" if frames.standard else "stare", str(frames.sof()), "-x", "-o", str(work / "out")]
    before = _cpu_s()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    cpu_s = _cpu_s() - before
    quality = next((work / "out").rglob("*_QC.json"), None)
    if quality is None:
        last = [line for line in (ended.stderr or ended.stdout).strip().splitlines() if line.strip()]
        return Outcome(score={}, said=tuple(last[-3:]), verdict=f"refused ({ended.returncode})", cpu_s=cpu_s)
    judged = json.loads(quality.read_text(encoding="utf-8"))
    failing = [f"{row['name']} {row['value']:.3g} out of range" for row in judged["metrics"] if row["flag"] == "fail"]
    figures = score(read_products(work / "out"), frames.truth)["orders"] or {}
    return Outcome(score=figures, said=(*judged["warnings"], *failing), verdict=judged["verdict"], cpu_s=cpu_s)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def without_numbers(text: str) -> str:
    """A message as it is whatever its figures."""
    return re.sub(r"[-+]?\d[\d.,]*", "#", text)


def new_words(spoiled: Outcome, clean: Outcome) -> list[str]:
    """What is said of a spoiled set and not of the set as it is."""
    known = {without_numbers(text) for text in clean.said}
    return [text for text in spoiled.said if without_numbers(text) not in known]


def wrongs(spoiled: Outcome, clean: Outcome) -> list[str]:
    """In what a spoiled set is wrong where the set as it is is right."""
    found = []
    bias, error = spoiled.by_order("bias_pct"), spoiled.by_order("bias_error_pct")
    arm = spoiled.figure("bias_pct")
    if abs(arm) > math.hypot(FLUX_PCT, 3 * spoiled.figure("bias_error_pct")):
        found.append(f"flux {arm:+.1f} %")
    known = clean.by_order("bias_pct")
    for number, value in bias.items():
        allowed = FLUX_PCT + 3 * error.get(number, 0.0) + abs(known.get(number, 0.0))
        if abs(value) > allowed:
            found.append(f"order {number} {value:+.1f} %")
    if spoiled.figure("chi_std") > max(CHI, 1.05 * clean.figure("chi_std")):
        found.append(f"chi {spoiled.figure('chi_std'):.2f}")
    waves, before = spoiled.by_order("wavelength_error_px"), clean.by_order("wavelength_error_px")
    found += [
        f"order {number} {value:+.2f} px" for number, value in waves.items() if abs(value) > WAVELENGTH_PX + abs(before.get(number, 0.0))
    ]
    return found


def judge(attack: Attack, spoiled: Outcome, clean: Outcome) -> str:
    """``silent``, ``false word``, ``told``, or nothing where there is nothing to tell."""
    words, wrong = new_words(spoiled, clean), wrongs(spoiled, clean)
    right = [text for text in words if attack.word and re.search(attack.word, text, re.IGNORECASE)]
    if right or (words and not attack.word):
        return "told"
    if wrong:
        return "**false word**" if words else "**silent**"
    return ""


def row(attack: Attack, name: str, spoiled: Outcome, clean: Outcome) -> list[str]:
    """Cells of one line of the table."""
    biases = spoiled.by_order("bias_pct")
    worst = max(biases, key=lambda number: abs(biases[number]), default="")
    waves = [abs(value) for value in spoiled.by_order("wavelength_error_px").values()]
    said = "; ".join(_short(text) for text in new_words(spoiled, clean)) or "-"
    return [
        attack.name, name, _shown(spoiled.figure("bias_pct"), "+.2f"), f"{_shown(biases.get(worst, math.nan), '+.2f')} ({worst})" if worst else "-",
        _shown(spoiled.figure("snr_ratio") / clean.figure("snr_ratio"), ".3f"), _shown(spoiled.figure("chi_std"), ".3f"),
        _shown(max(waves, default=math.nan), ".2f"), spoiled.verdict, _shown(spoiled.cpu_s, ".1f"), judge(attack, spoiled, clean), said,
    ]  # fmt: skip


HEAD = ("attack", "set", "bias%", "worst order", "SNR / clean", "chi", "wave px", "verdict", "CPU s", "judged", "newly said")


def _short(text: str) -> str:
    named = re.sub(r"\S*/(?=[^/\s]+\.fits)", "", text)  # files without the folder of the machine
    return textwrap.shorten(named.replace("|", "/"), 160, placeholder=" ...")


def _shown(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def main() -> int:
    """Run the attacks asked for on the sets asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path, metavar="SET")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="attacks whose name holds one of these words")
    parser.add_argument("--work", type=Path, help="folder of the last attack's data and products")
    parser.add_argument("--program", default=f"{shlex.quote(sys.executable)} -m soxspipe")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    chosen = [one for one in ATTACKS[1:] if not arguments.only or any(word in one.name for word in arguments.only)]
    if arguments.list:
        print("\n".join(one.name for one in chosen))
        return 0
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    print(*lines, sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as place:
        work = arguments.work or Path(place)
        for source in arguments.sets:
            clean = run(ATTACKS[0], source, work, shlex.split(arguments.program))
            arm = FrameSet.read(source, work / "data").arm
            for one in (ATTACKS[0], *(one for one in chosen if arm in one.arms)):
                spoiled = clean if one is ATTACKS[0] else run(one, source, work, shlex.split(arguments.program))
                lines.append("| " + " | ".join(row(one, source.name, spoiled, clean)) + " |")
                print(lines[-1], flush=True)
    if arguments.table:
        arguments.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
