"""Commands for calibrated spectra: ``fluxcal``, ``telluric``, ``join`` and ``convert``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from soxspipe.errors import InputError

if TYPE_CHECKING:
    from soxspipe.reductions.finished import Finished

Spectrum = Annotated[str, typer.Argument(metavar="SPECTRUM", help="A flux-calibrated spectrum (..._FLUXCAL.fits).", show_default=False)]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder for the product; default: beside the spectrum.", show_default=False),
]

Frame = Annotated[Literal["topocentric", "barycentric"], typer.Option("--frame", help="Frame of reference of the wavelengths.")]
Medium = Annotated[Literal["air", "vacuum"], typer.Option("--medium", help="Medium of the wavelengths.")]


def add_finishing_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    app.command("fluxcal")(_fluxcal)
    app.command("telluric")(_telluric)
    app.command("join")(_join)
    app.command("convert")(_convert)


def _fluxcal(
    spectrum: Annotated[
        str, typer.Argument(metavar="SPECTRUM", help="A reduced spectrum in counts (..._EXTRACTED_MERGED.fits).", show_default=False)
    ],
    response: Annotated[
        str, typer.Option("--response", metavar="FILE", help="Response of a standard star of the same arm (..._RESP.fits).")
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for the spectra; default: the reduction's own.", show_default=False),
    ] = None,
) -> int:
    """Calibrate a reduced spectrum with a response that came later, or is better, without reducing it again.

    The calibrated spectra are those that the reduction would have made with that response; report and quality control are brought up to
    date. Example:
    soxspipe fluxcal SN_EXTRACTED_MERGED.fits --response LTT7987_RESP.fits. Exit status: 0 done, 2 wrong files.
    """
    from soxspipe.cli.console import Console
    from soxspipe.reductions.registry import reduction

    console, recalibrate = Console(), reduction("stare").recalibrate
    if recalibrate is None:
        raise InputError("this recipe cannot calibrate a spectrum later")
    made = recalibrate(Path(spectrum), Path(response), None if output is None else Path(output))
    for warning in made.warnings:
        console.warn(warning)
    typer.echo(f"product: {made.final}")
    console.verdict(made)
    return 0


def _telluric(
    spectrum: Spectrum,
    standard: Annotated[
        list[str], typer.Option("--standard", metavar="FILE", help="Calibrated spectrum of a standard of the same arm; may be repeated.")
    ],
    output: Output = None,
    frame: Frame = "topocentric",
    medium: Medium = "air",
) -> int:
    """Take the telluric absorption out of a spectrum, measured on standard stars.

    The plain spectrum stays; ``..._TELLURIC.fits`` stands beside it, and, with --frame or --medium, once more at other wavelengths. Example: soxspipe telluric SN_FLUXCAL.fits --standard
    LTT7987_FLUXCAL.fits. Exit status: 0 done, 1 the data do not allow it, 2 wrong files.
    """
    from soxspipe.reductions.finish import take_out_telluric

    return _say(
        take_out_telluric(Path(spectrum), [Path(path) for path in standard], None if output is None else Path(output)), frame, medium
    )


def _join(
    first: Spectrum,
    second: Annotated[str, typer.Argument(metavar="SPECTRUM", help="The same target in the other arm.", show_default=False)],
    output: Output = None,
    scale: Annotated[
        bool, typer.Option("--scale/--no-scale", help="Scale the bluer arm to the redder one where that is significant and below 10 %.")
    ] = True,
    frame: Frame = "topocentric",
    medium: Medium = "air",
) -> int:
    """Join the two arms of one target in one spectrum.

    Each keeps its samples; ``..._JOINED.fits`` stands beside the bluer one, and, with --frame or --medium, once more at other wavelengths. Example:
    soxspipe join SN_VIS_FLUXCAL.fits SN_NIR_FLUXCAL.fits. Exit status: 0 done, 1 the data do not allow it, 2 wrong files.
    """
    from soxspipe.reductions.finish import join_files

    return _say(join_files(Path(first), Path(second), None if output is None else Path(output), apply_scale=scale), frame, medium)


def _convert(
    spectrum: Annotated[str, typer.Argument(metavar="SPECTRUM", help="A FLUXCAL, TELLURIC or JOINED spectrum.", show_default=False)],
    frame: Frame = "topocentric",
    medium: Medium = "air",
    output: Output = None,
) -> int:
    """Write a spectrum in another frame of reference or medium, as FITS and text.

    The spectrum itself stays. Example: soxspipe convert SN_FLUXCAL.fits --frame barycentric --medium vacuum. Exit status: 0 done,
    2 wrong file.
    """
    from soxspipe.reductions.convert import convert_spectrum

    return _say(convert_spectrum(Path(spectrum), frame, medium, None if output is None else Path(output)))


def _say(finished: Finished, frame: str = "topocentric", medium: str = "air") -> int:
    """Print what was made; with another frame or medium it is written so as well."""
    for warning in finished.warnings:
        typer.echo(f"! {warning}", err=True)
    typer.echo(finished.note)
    typer.echo(f"product: {finished.path}")
    if (frame, medium) == ("topocentric", "air"):
        return 0
    from soxspipe.reductions.convert import convert_spectrum

    return _say(convert_spectrum(finished.path, frame, medium))
