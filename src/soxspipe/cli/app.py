"""Commands and options of ``soxspipe``; everything heavy is imported by the command that needs it."""

from __future__ import annotations

import inspect
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal

import typer

from soxspipe import __version__
from soxspipe.cli.finish import add_finishing_commands
from soxspipe.cli.night import add_night_commands
from soxspipe.errors import ProductExistsError, SoxspipeError
from soxspipe.reductions.registry import RECIPES

QC_FAILED = 3
"""A metric of a standard or calibration is out of its range; products are there."""
EXIT_CODES = (
    "Exit status: 0 made, or there already; 1 could not be reduced; 2 wrong usage, settings or "
    "inputs; 3 made, but a standard star or a master is out of its acceptable ranges; 130 interrupted."
)
INTERRUPTED = 130
"""Of a program that Ctrl-C ended, as shells count it (128 + SIGINT)."""

Frames = Annotated[
    list[str], typer.Argument(metavar="INPUTFRAMES", help="A set-of-files (.sof), a folder, or FITS files.", show_default=False)
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", metavar="DIR", help="Folder for products; default: the working directory.", show_default=False),
]
SettingsFile = Annotated[
    str | None, typer.Option("-s", "--settings", metavar="FILE", help="Settings (YAML); default: those of the package.", show_default=False)
]
Compat = Annotated[
    str | None,
    typer.Option("--compat", metavar="RELEASE", help="0.17: order numbers of the UV-VIS arm as that release had them.", show_default=False),
]
Poly = Annotated[str, typer.Option("--poly", metavar="DIGITS", help="Degrees of the polynomials as digits; default: the data choose.")]
Overwrite = Annotated[bool, typer.Option("-x", "--overwrite", help="Make products again that exist already.")]
NoStack = Annotated[bool, typer.Option("--no-stack", help="Each exposure on its own, as products <sof>_F1, <sof>_F2, ...")]
SlitLoss = Annotated[bool, typer.Option("--slit-loss", help="Correct fluxes for the light that the slits took from target and standard.")]
WaveFrame = Annotated[
    Literal["topocentric", "barycentric"], typer.Option("--frame", help="Write the calibrated spectrum in this frame of reference as well.")
]
WaveMedium = Annotated[Literal["air", "vacuum"], typer.Option("--medium", help="Write the calibrated spectrum in this medium as well.")]
Verbose = Annotated[bool, typer.Option("-V", "--verbose", help="Full paths, per-order metrics and notes.")]
Debug = Annotated[bool, typer.Option("-d", "--debug", help="Tracebacks, and plots of every sky model.")]


@dataclass(frozen=True, slots=True)
class Flags:
    """Options that may stand before or after the command."""

    overwrite: bool = False
    verbose: bool = False
    debug: bool = False


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.

    Returns
    -------
    int
        0 product made, or there already; 1 the data could not be reduced; 2 bad usage, settings or inputs; 3 quality control
        of a standard star out of range; 130 interrupted.
    """
    try:
        answer = _commands()(args=list(arguments), prog_name="soxspipe", standalone_mode=False)
        status = answer if isinstance(answer, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return 1
    except Exception as err:
        return _answer(err, debug=_wants_traceback(arguments))
    if status == INTERRUPTED:
        _say_failure("interrupted")
    return status


@cache
def _commands() -> Callable[..., Any]:
    """What runs a command; reading the signatures of all commands takes 13 ms, which a process that runs many pays once."""
    return typer.main.get_command(application())


def application() -> typer.Typer:
    """The commands."""
    app = typer.Typer(
        name="soxspipe", help="Reduce SOXS spectra: one exposure, or a whole night.", add_completion=False, no_args_is_help=True,
        epilog=f"Example: soxspipe night raw -o out.  {EXIT_CODES}",
        rich_markup_mode=None,
        pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback()(_common)
    for verb, entry in RECIPES.items():
        command = _command_with_degrees(verb, entry.help, entry.poly) if entry.poly else _command_of(verb, entry.help)
        app.command(verb, epilog=f"Example: soxspipe {verb} files.sof -o out.  {EXIT_CODES}")(command)
    app.command("settings", epilog="Example: soxspipe settings > my.yaml.  Exit status: 0 printed, 2 wrong usage.")(_settings)
    app.command(
        "simulate",
        options_metavar="[SCENE.yaml] [OPTIONS] [--key value]...",
        epilog="Example: soxspipe simulate --arm VIS -o data.  Exit status: 0 made, 1 could not be written, 2 wrong usage or scene.",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(_simulate)
    app.command("validate", epilog="Example: soxspipe validate out data.  Exit status: 0 compared, 2 wrong usage or files.")(_validate)
    add_finishing_commands(app)
    add_night_commands(app)
    groups = [group.typer_instance for group in app.registered_groups if group.typer_instance is not None]
    for known in (command for commands in (app, *groups) for command in commands.registered_commands):  # or each is cut after 45 letters
        known.short_help = known.short_help or _first_sentence(inspect.getdoc(known.callback) or "")
    return app


def _first_sentence(text: str) -> str:
    """The first sentence of a help text, on one line."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return f"{paragraph.partition('. ')[0].rstrip('.')}."


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"soxspipe {__version__}")
        raise typer.Exit


def _common(
    context: typer.Context,
    overwrite: Overwrite = False,
    verbose: Verbose = False,
    debug: Debug = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version)] = False,
) -> None:
    context.obj = Flags(overwrite=overwrite, verbose=verbose, debug=debug)


def _command_of(verb: str, text: str) -> Callable[..., int]:
    """The command that runs one recipe."""

    def command(
        context: typer.Context, frames: Frames, output: Output = None, settings: SettingsFile = None, compat: Compat = None,
        overwrite: Overwrite = False, verbose: Verbose = False, debug: Debug = False,
    ) -> int:  # fmt: skip
        return _reduce(frames, output, settings, compat, _merged(context.obj, overwrite, verbose, debug), verb=verb)

    def stack_command(
        context: typer.Context, frames: Frames, output: Output = None, settings: SettingsFile = None, compat: Compat = None,
        no_stack: NoStack = False, slit_loss: SlitLoss = False, frame: WaveFrame = "topocentric", medium: WaveMedium = "air",
        overwrite: Overwrite = False, verbose: Verbose = False, debug: Debug = False,
    ) -> int:  # fmt: skip
        chosen: dict[str, bool | str] = {"stack_before_extraction": False} if no_stack else {}
        chosen |= {"correct_slit_loss": True} if slit_loss else {}
        chosen |= {"wavelength_frame": frame} if frame != "topocentric" else {}
        chosen |= {"wavelength_medium": medium} if medium != "air" else {}
        return _reduce(frames, output, settings, compat, _merged(context.obj, overwrite, verbose, debug), verb=verb, chosen=chosen)

    if RECIPES[verb].stacks:
        stack_command.__doc__ = text
        return stack_command
    command.__doc__ = text
    return command


def _command_with_degrees(verb: str, text: str, number: int) -> Callable[..., int]:
    """The command that runs one recipe whose polynomials can be given as digits."""

    def command(
        context: typer.Context, frames: Frames, output: Output = None, settings: SettingsFile = None,
        poly: Poly = "",
        overwrite: Overwrite = False, verbose: Verbose = False, debug: Debug = False,
    ) -> int:  # fmt: skip
        from soxspipe.settings.overlay import poly_digits

        try:
            chosen = poly_digits(poly, number)
        except TypeError as err:
            raise typer.BadParameter(str(err), param_hint="--poly") from err
        return _reduce(frames, output, settings, None, _merged(context.obj, overwrite, verbose, debug), verb=verb, degrees=chosen)

    command.__doc__ = text
    return command


def _settings(instrument: Annotated[str, typer.Option("-i", "--instrument", help="soxs or xsh.")] = "soxs") -> int:
    """Print every setting with its default, ready to edit."""
    from soxspipe.instruments.registry import find_instrument
    from soxspipe.reductions.registry import reduction
    from soxspipe.settings.dump import default_yaml

    try:
        name = find_instrument(instrument).name
    except KeyError as err:
        raise typer.BadParameter(str(err.args[0]), param_hint="--instrument") from err
    classes = {block: spec.settings for verb in RECIPES for spec in [reduction(verb).spec] for block in spec.recipe_names}
    typer.echo(default_yaml(name, classes), nl=False)
    return 0


def _simulate(
    context: typer.Context,
    output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="Folder for the data set.")] = "simulated",
    keys: Annotated[bool, typer.Option("--keys", help="List every key of a scene with its default and meaning.")] = False,
    calibrations: Annotated[bool, typer.Option("--calibrations", help="Raw calibration frames instead of an observation.")] = False,
    night: Annotated[
        bool, typer.Option("--night", help="A whole small night: raw calibrations, standards and targets in both arms.")
    ] = False,
) -> int:
    """Simulate an observation with known truth: raw frames, calibrations, set-of-files, truth.

    Give a scene file (YAML), keys of the scene as options, or both:
    soxspipe simulate scene.yaml --arm VIS --target supernova --ab-mag 18
    """
    from soxspipe.cli.scenes import keys_text, scene_of, scene_of_kind
    from soxspipe.reductions.simulate import simulate_calibrations, simulate_dataset, simulate_night
    from soxspipe.simulate.calibration_scene import CalibrationScene
    from soxspipe.simulate.night_scene import NightScene
    from soxspipe.simulate.scene import Scene

    if keys:
        typer.echo(keys_text(NightScene if night else CalibrationScene if calibrations else Scene))
        return 0
    if night:
        files = simulate_night(scene_of_kind(NightScene, context.args), output)
        typer.echo(f"{len(files)} raw frames in {output}; `soxspipe night {output} -o OUT` reduces them")
        return 0
    if calibrations:
        files = simulate_calibrations(scene_of_kind(CalibrationScene, context.args), output)
        typer.echo("\n".join(str(path) for path in files if path.suffix == ".sof"))
        return 0
    files = simulate_dataset(scene_of(context.args), output)
    typer.echo(str(files[0]))
    return 0


def _validate(
    products: Annotated[str, typer.Argument(metavar="PRODUCTS", help="Folder of one reduction.", show_default=False)],
    truth: Annotated[str, typer.Argument(metavar="TRUTH", help="Truth file of the simulation, or its folder.", show_default=False)],
    standard_truth: Annotated[
        str | None,
        typer.Option("--standard-truth", metavar="TRUTH", help="Truth of the standard whose response was used.", show_default=False),
    ] = None,
    json_file: Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write every figure as JSON.", show_default=False)] = None,
) -> int:
    """Hold products against the truth of a simulation; ! marks a figure off its target."""
    from soxspipe.reductions.validate import validate

    typer.echo(validate(products, truth, standard_truth=standard_truth, json_file=json_file).text)
    return 0


def _reduce(
    frames: list[str], output: str | None, settings: str | None, compat: str | None, flags: Flags, *, verb: str,
    chosen: Mapping[str, bool | str] | None = None, degrees: dict[str, Any] | None = None,
) -> int:  # fmt: skip
    from soxspipe.cli.console import Console
    from soxspipe.reductions.engine import gather, run_reduction
    from soxspipe.reductions.output_folder import output_folder
    from soxspipe.reductions.progress import StepReport
    from soxspipe.reductions.registry import reduction
    from soxspipe.settings.overlay import overlaid

    console = Console(verbose=flags.verbose)
    began = time.perf_counter()
    folder = output_folder(output, settings)
    options = {**(degrees or {}), **({} if compat is None else {"compat": compat})}
    recipe = reduction(verb)
    given = frames[0] if len(frames) == 1 else frames
    gathered = gather(recipe, given, overlaid(settings, options), verb=verb, command=command_text())
    if chosen:
        gathered = replace(gathered, settings=gathered.settings.model_copy(update=dict(chosen)))
    console.note(f"{gathered.recipe}: {gathered.sof_name}")
    for warning in gathered.warnings:
        console.warn(warning)
    for note in gathered.notes if flags.verbose else ():
        console.note(note)
    console.step(StepReport(step="gather", seconds=time.perf_counter() - began, note=recipe.describe(gathered.inputs)))
    published = run_reduction(recipe, gathered, folder, overwrite=flags.overwrite, listener=console.step, debug=flags.debug)
    for warning in published.warnings:
        if warning not in gathered.warnings:
            console.warn(warning)
    console.close(gathered.recipe, published)
    console.note(f"done in {time.perf_counter() - began:.2f} s")
    console.verdict(published)
    return QC_FAILED if published.failed_metrics and published.enforced else 0


def command_text() -> str:
    """The command that runs, as it may be typed again."""
    import shlex

    return shlex.join(["soxspipe", *sys.argv[1:]])


def _merged(before: Flags, overwrite: bool, verbose: bool, debug: bool) -> Flags:
    return Flags(overwrite=before.overwrite or overwrite, verbose=before.verbose or verbose, debug=before.debug or debug)


def _answer(err: Exception, *, debug: bool) -> int:
    """Say in one line what went wrong, and which exit status it is."""
    if debug:
        traceback.print_exc()
    usage = _usage_status(err)
    if usage is not None:
        return usage
    if isinstance(err, ProductExistsError):
        _say(str(err))
        return err.exit_code
    if isinstance(err, SoxspipeError):
        _say_failure(str(err))
        return err.exit_code
    if isinstance(err, MemoryError):
        _say_failure("not enough memory for these data")
        return 1
    if isinstance(err, OSError):
        _say_failure(f"{err.filename or 'a file'}: {err.strerror or err}")
        return 1
    _say_failure(f"unexpected {type(err).__name__}: {err} (--debug shows where; please report it)")
    return 1


def _usage_status(err: Exception) -> int | None:
    """Exit status of an error of the command line itself, which is shown here; None for any other."""
    show: Callable[..., Any] | None = getattr(err, "show", None)
    status = getattr(err, "exit_code", None)
    if isinstance(err, SoxspipeError) or show is None or not isinstance(status, int):
        return None
    show()
    return status


def _wants_traceback(arguments: Sequence[str]) -> bool:
    return any(argument == "--debug" or (argument[:1] == "-" and argument[1:2] != "-" and "d" in argument) for argument in arguments)


def _say(text: str) -> None:
    from soxspipe.cli.console import Console

    Console().say(text)


def _say_failure(text: str) -> None:
    from soxspipe.cli.console import Console

    Console().fail(text)


def _silence_stdout() -> None:
    """Keep the interpreter from complaining about the closed pipe once more when it ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
