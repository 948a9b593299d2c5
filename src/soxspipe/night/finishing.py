"""From the outcomes of a night to its finished spectra: which are targets, which are standards, and where each lies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from soxspipe.night.run import Night, Request, settings_texts
from soxspipe.reductions.finish_night import FinishedNight, finish_night

FLUXCAL = "_FLUXCAL.fits"


def finish(night: Night, request: Request) -> FinishedNight:
    """Correct and join the spectra of a night, unless the settings say no (`finish_spectra`)."""
    chosen = {key: json.loads(text) for key, text in settings_texts(night.plan, request.settings).items()}
    targets, standards, moves = [], [], {}
    for kind, verb, arm, path in _spectra(night):
        settings = chosen.get((verb, arm), {})
        if "standard" in kind:
            standards.append(path)
        elif settings.get("finish_spectra", True):
            targets.append(path)
            move = (settings.get("wavelength_frame", "topocentric"), settings.get("wavelength_medium", "air"))
            if move != ("topocentric", "air"):
                moves[path] = move
    return finish_night(targets, standards, moves)


def _spectra(night: Night) -> Iterator[tuple[str, str, str, Path]]:
    """Kind, verb, arm and file of every flux-calibrated spectrum that was made."""
    for task in night.plan.tasks:
        outcome = night.outcomes.get(task.name)
        if outcome is not None and outcome.succeeded:
            for name, _ in outcome.files:
                if name.endswith(FLUXCAL):
                    yield task.frames.rule.kind, task.verb, task.frames.arm, night.plan.output / name
