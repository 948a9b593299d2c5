"""Nights of headers alone: FITS files of a few kilobytes whose cards are those of real frames, with their gaps.

Daytime arcs and flats have no rotator angle, flats come in fives, each template counts its exposures for itself, both arms may share
the start of a template, the near-infrared frames have no read noise, and the target's name stands where the observer put it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

EPOCH = datetime(1858, 11, 17)
EVENING = datetime(2026, 3, 1, 18, 0, 0)
"""Afternoon calibrations of the night of 2026-03-01 begin here."""

Cards = dict[str, object]
SLIT_KEYS = {"VIS": "ESO INS VISE NAME", "NIR": "ESO INS NISE NAME"}
LAMPS = {
    "QTH": {"ESO INS QTH NAME": "Qth_Lamp"},
    "D": {"ESO INS DEUT NAME": "Deut_Lamp"},
    "ThAr": {"ESO INS THAR NAME": "Thar_Lamp"},
    "ArNeHgXe": {
        "ESO INS ARGO NAME": "Argo_Lamp", "ESO INS NEON NAME": "Neon_Lamp", "ESO INS MERC NAME": "Merc_Lamp", "ESO INS XENO NAME": "Xeno_Lamp",
    },
    "": {},
}  # fmt: skip
FILLING = 200
"""Further cards of each header: real ones have hundreds that nobody here reads."""


@dataclass(frozen=True)
class Exposure:
    """One file to write: its name and its cards."""

    name: str
    cards: Cards


def exposure(
    arm: str, when: datetime, dpr_type: str, dpr_tech: str, *, exptime: float, slit: str = "", lamp: str = "", number: int = 1,
    of: int = 1, template: str = "SOXS_gen_cal", template_start: datetime | None = None, cards: Mapping[str, object] | None = None,
) -> Exposure:  # fmt: skip
    """A frame with the cards that every frame has."""
    catg = "SCIENCE" if dpr_type.startswith("OBJECT") else "CALIB"
    made: Cards = {
        "INSTRUME": "SOXS", "TELESCOP": "ESO-NTT", "DATE-OBS": when.isoformat(timespec="milliseconds"),
        "MJD-OBS": (when - EPOCH) / timedelta(days=1), "EXPTIME": exptime, "OBJECT": dpr_type if catg == "CALIB" else "SN2026abc",
        "ESO SEQ ARM": arm, "ESO DET READ CURID": 3 if arm == "NIR" else 1, "ESO DPR CATG": catg, "ESO DPR TYPE": dpr_type,
        "ESO DPR TECH": dpr_tech, "ESO TPL ID": template, "ESO TPL NAME": template, "ESO TPL EXPNO": number, "ESO TPL NEXP": of,
        "ESO TPL START": (template_start or when).isoformat(timespec="seconds"), "ESO INS TEMP301 VAL": 11.5,
        "ESO INS TEMP217 VAL": 40.0, "ESO INS TEMP104 VAL": 153.0, **LAMPS[lamp],
    }  # fmt: skip
    if slit:
        made[SLIT_KEYS[arm]] = slit
    if arm == "VIS":
        made |= {"ESO DET BINX": 1, "ESO DET BINY": 1, "ESO DET OUT1 CONAD": 1.25, "ESO DET OUT1 GAIN": 0.8, "ESO DET OUT1 RON": 3.8}
    else:
        made |= {"ESO DET CHIP RON": 0.0, "ESO DET NDIT": 1}
    made |= dict(cards or {})
    stamp = when.strftime("%Y-%m-%dT%H_%M_%S.%f")[:-3]
    return Exposure(f"SOXS.{arm}.{stamp}.fits", {key: value for key, value in made.items() if value is not None})


def run_of(
    n: int, arm: str, start: datetime, dpr_type: str, dpr_tech: str, *, exptime: float, pause: float = 40.0, **more: object
) -> list[Exposure]:  # fmt: skip
    """Exposures of one template."""
    return [
        exposure(
            arm, start + timedelta(seconds=index * (exptime + pause)), dpr_type, dpr_tech, exptime=exptime, number=index + 1, of=n,
            template_start=start, **more,  # type: ignore[arg-type]
        )
        for index in range(n)
    ]  # fmt: skip


def calibrations(arm: str, start: datetime = EVENING, *, slit: str = "SLIT1.0", exptimes: tuple[float, ...] = (300.0,)) -> list[Exposure]:
    """The afternoon's calibrations of one arm, 2.5 hours of them at most."""
    made: list[Exposure] = []
    lamp = "ThAr" if arm == "VIS" else "ArNeHgXe"
    at = start
    if arm == "VIS":
        made += run_of(5, arm, at, "BIAS", "IMAGE", exptime=0.0)
    else:
        for exptime in (20.0, *exptimes):
            made += run_of(5, arm, at, "DARK", "IMAGE", exptime=exptime)
            at += timedelta(seconds=5 * (exptime + 40))
    at += timedelta(minutes=10)
    for kind, tech, mask, light, n in (
        ("LAMP,WAVE", "ECHELLE,PINHOLE", "PINHOLE", lamp, 1),
        ("LAMP,FLAT", "ECHELLE,PINHOLE", "PINHOLE", "QTH", 1),
        ("LAMP,FLAT", "ECHELLE,SLIT", slit, "QTH", 5),
        ("LAMP,WAVE", "ECHELLE,MULTI-PINHOLE", "MULTPIN", lamp, 1),
    ):
        made += run_of(n, arm, at, kind, tech, exptime=20.0, slit=mask, lamp=light)
        at += timedelta(minutes=n)
        if arm == "NIR":
            made += run_of(1, arm, at, kind, "IMAGE", exptime=20.0, slit=mask)
            at += timedelta(minutes=1)
        at += timedelta(minutes=2)
    if arm == "VIS":
        made += run_of(5, arm, at, "LAMP,FLAT", "ECHELLE,SLIT", exptime=40.0, slit=slit, lamp="D")
    return made


def stare(
    arm: str, start: datetime, *, target: str = "SN2026abc", n: int = 1, exptime: float = 300.0, slit: str = "SLIT1.0", ob: int = 4001,
    standard: bool = False, rotator: float = 35.0, cards: Mapping[str, object] | None = None,
) -> list[Exposure]:  # fmt: skip
    """Exposures of an observation block in stare mode."""
    kind = "STD,FLUX" if standard else "OBJECT"
    more = {
        "OBJECT": target, "ESO OBS TARG NAME": target, "ESO OBS ID": ob, "ESO OBS NAME": f"OB_{target}", "ESO TEL AIRM START": 1.15,
        "ESO TEL AIRM END": 1.2, "ESO TEL AMBI FWHM START": 0.9, "ESO TEL AMBI FWHM END": 1.1, "ESO TEL PARANG START": 12.0,
        "ESO ADA ABSROT END": rotator, "RA": 246.0, "DEC": -39.2, **(cards or {}),
    }  # fmt: skip
    return run_of(n, arm, start, kind, "ECHELLE,SLIT,STARE", exptime=exptime, slit=slit, template="SOXS_slt_obs_StareSynchro", cards=more)


def whole_night(evening: datetime = EVENING) -> list[Exposure]:
    """A plain night: calibrations of both arms, a standard and two targets, one of them in two exposures."""
    made: list[Exposure] = []
    for arm in ("VIS", "NIR"):
        made += calibrations(arm, evening, exptimes=(60.0, 300.0))
        made += calibrations(arm, evening + timedelta(hours=3), slit="SLIT5.0", exptimes=())[5:]
        made += stare(arm, evening + timedelta(hours=7), target="LTT3218", exptime=60.0, slit="SLIT5.0", ob=4000, standard=True)
        made += stare(arm, evening + timedelta(hours=8), target="SN2026abc", n=2, ob=4001)
        made += stare(arm, evening + timedelta(hours=9), target="AT2026xyz", ob=4002)
    return made


def write_headers(folder: Path, frames: Iterable[Exposure], *, data_bytes: int = 0) -> list[Path]:
    """Write files that hold a header and as many bytes of pixels as wished (a hole in the file, which takes no room)."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for frame in frames:
        path = folder / frame.name
        side = max(1, int(np.sqrt(data_bytes / 2)))
        block = header_block(frame.cards, side)
        with path.open("wb") as stream:
            stream.write(block)
            stream.truncate(len(block) + -(-side * side * 2 // 2880) * 2880)
        paths.append(path)
    return paths


def header_block(cards: Mapping[str, object], side: int = 1, filling: int = FILLING) -> bytes:
    """Cards as whole FITS blocks."""
    structure: Cards = {"SIMPLE": True, "BITPIX": 16, "NAXIS": 2, "NAXIS1": side, "NAXIS2": side, "BZERO": 32768, "BSCALE": 1}
    lines = [_card(key, value) for key, value in {**structure, **cards}.items()]
    lines += [_card(f"ESO INS SENS{number} VAL", 0.125 * number) for number in range(filling)]
    text = "".join(line.ljust(80) for line in [*lines, "END"])
    return text.ljust(-(-len(text) // 2880) * 2880).encode("ascii")


def _card(keyword: str, value: object) -> str:
    shown = "T" if value is True else "F" if value is False else f"'{value!s:<8}'" if isinstance(value, str) else repr(value)
    if " " in keyword:
        return f"HIERARCH {keyword} = {shown}"
    return f"{keyword:<8}= {shown:>20}" if not isinstance(value, str) else f"{keyword:<8}= {shown}"
