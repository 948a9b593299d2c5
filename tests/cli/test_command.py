"""The command line: what it prints, where, and the exit status it leaves with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soxspipe import __version__
from soxspipe.cli import app
from soxspipe.cli.console import Console, one_line
from soxspipe.datamodel.metric import Metric
from soxspipe.errors import AlgorithmError, InputError, ProductError, ProductExistsError, SettingsError
from soxspipe.reductions.output_folder import output_folder
from soxspipe.reductions.progress import StepReport
from soxspipe.reductions.registry import RECIPES, reduction
from soxspipe.reductions.spec import ProductRecord, Published
from support.runs import make_stare_run


class FakeGathered:
    """What `gather` would return for the pretended run."""

    def __init__(self, run):
        self.run = run
        self.inputs = run.inputs
        self.settings = run.settings
        self.recipe, self.sof_name, self.night = run.provenance.recipe, run.provenance.sof_name, run.provenance.night
        self.warnings = ("a warning\nin two lines",)
        self.notes = ("setting 'x' has no use here",)

    def provenance_so_far(self):
        return self.run.provenance

    def provenance(self):
        return self.run.provenance


@pytest.fixture
def pretended(monkeypatch, tmp_path):
    """The command with gathering and reduction replaced by a pretended run; returns a function that runs it."""
    calls = {}

    def run(arguments, *, standard=False, settings=None, reduce=None):
        fake = make_stare_run("NIR", standard=standard, settings=settings)

        def gathered(_reduction, inputs, source, *, verb, command):
            calls.update(inputs=inputs, source=source, verb=verb, command=command)
            return FakeGathered(fake)

        def reduced(inputs, settings, done):
            if reduce is not None:
                raise reduce
            done("subtract_sky", "3 orders")
            return fake.result

        monkeypatch.setattr("soxspipe.reductions.engine.gather", gathered)
        monkeypatch.setattr("soxspipe.reductions.stare.reduce.reduce_stare", reduced)
        monkeypatch.chdir(tmp_path)
        return app.run(arguments)

    run.calls = calls
    return run


def test_a_science_run_ends_with_0_and_says_where_the_product_is(pretended, capsys, tmp_path):
    assert pretended(["stare", "my.sof", "-o", "out"]) == 0
    out, err = capsys.readouterr()
    assert "# SOXS-STARE QC METRICS" in out
    assert "SNR MEDIAN " in out
    assert "SNR MEDIAN O12" not in out
    final = next(line for line in out.splitlines() if line.startswith("final product: ")).removeprefix("final product: ")
    assert final.startswith(str(tmp_path / "out" / "reduced"))
    assert os.path.exists(final)
    assert "subtract_sky" in err
    assert "3 orders" in err
    assert "warning: a warning in two lines" in err
    assert "\x1b" not in out + err
    assert pretended.calls["inputs"] == "my.sof"
    assert pretended.calls["verb"] == "stare"


def test_verbose_adds_paths_orders_and_notes(pretended, capsys, tmp_path):
    assert pretended(["-V", "stare", "my.sof"]) == 0
    out, err = capsys.readouterr()
    assert "SNR MEDIAN O12" in out
    assert f"{tmp_path}/reduced/2025-03-01/soxs-stare/" in out
    assert "has no use here" in err


def test_a_standard_out_of_range_ends_with_3_and_keeps_its_products(pretended, capsys, tmp_path):
    assert pretended(["stare_std", "my.sof"], standard=True) == 3
    said = capsys.readouterr()
    assert "out of the acceptable range: N ORDERS, SNR MEDIAN" in said.err
    verdict = said.out[said.out.index("verdict: Not good") :].splitlines()
    assert any("N ORDERS is 3, outside 15" in reason for reason in verdict[1:])  # the last thing said, with its reasons
    assert list(tmp_path.rglob("*_RESP.fits"))


def test_a_standard_within_its_ranges_ends_with_0(pretended):
    wide = {"n-orders": (1, 20), "snr-median": (0.0, 1e6), "inner-order-pix-mean": (-1e9, 1e9)}
    settings = make_stare_run().settings.model_copy(update={"qc_acceptable_ranges": wide})
    assert pretended(["stare_std", "my.sof"], standard=True, settings=settings) == 0


def test_an_existing_product_is_kept_unless_x_is_given(pretended, capsys, tmp_path):
    assert pretended(["stare", "my.sof"]) == 0
    product = next(tmp_path.rglob("*_EXTRACTED_MERGED.fits"))
    before = product.stat().st_mtime_ns
    capsys.readouterr()
    assert pretended(["stare", "my.sof"], reduce=AssertionError("must not be reduced")) == 0
    assert "exists already" in capsys.readouterr().out
    assert product.stat().st_mtime_ns == before
    assert pretended(["stare", "my.sof", "-x"]) == 0
    assert product.stat().st_mtime_ns > before


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AlgorithmError("too faint"), 1),
        (ProductError("cannot write"), 1),
        (InputError("wrong\x1b[31m file\nhere"), 2),
        (SettingsError("bad setting"), 2),
        (ProductExistsError("there"), 0),
        (MemoryError(), 1),
        (OSError(28, "No space left on device", "file.fits"), 1),
        (ZeroDivisionError("oops"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_are_one_line_and_have_their_exit_status(pretended, capsys, error, status):
    assert pretended(["stare", "my.sof"], reduce=error) == status
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    assert "\x1b" not in err
    last = (out if status == 0 else err).strip().splitlines()[-1]
    assert last.startswith("soxspipe: " if status else "there")
    if isinstance(error, InputError):
        assert last == "soxspipe: wrong [31m file here"


def test_debug_shows_the_traceback(pretended, capsys):
    assert pretended(["stare", "-d", "my.sof"], reduce=AlgorithmError("too faint")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_several_files_are_passed_as_a_list_and_the_command_is_kept(pretended, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["soxspipe", "stare", "a b.fits", "c.fits"])
    assert pretended(["stare", "a b.fits", "c.fits"]) == 0
    assert pretended.calls["inputs"] == ["a b.fits", "c.fits"]
    assert pretended.calls["command"] == "soxspipe stare 'a b.fits' c.fits"


@pytest.mark.parametrize(
    "arguments", [[], ["stare"], ["nonsense"], ["stare", "--nonsense", "x"], ["stare", "my.sof", "-o"], ["settings", "-i", "hubble"]]
)
def test_bad_usage_ends_with_2(arguments, capsys):
    assert app.run(arguments) == 2
    assert capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["stare", "--help"], ["simulate", "--help"], ["simulate", "--keys"], ["settings"]]
)
def test_help_ends_with_0(arguments, capsys):
    assert app.run(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


def test_version(capsys):
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"soxspipe {__version__}\n"


def test_a_missing_file_is_named(tmp_path, capsys):
    assert app.run(["stare", str(tmp_path / "missing.sof")]) == 2
    assert "missing.sof" in capsys.readouterr().err


def test_a_settings_file_that_is_no_yaml_is_named(tmp_path, capsys):
    (tmp_path / "bad.yaml").write_text("{[")
    assert app.run(["stare", "my.sof", "-s", str(tmp_path / "bad.yaml")]) == 2
    assert "bad.yaml" in capsys.readouterr().err


def test_the_settings_that_are_printed_can_be_read_back(tmp_path, capsys):
    from soxspipe.settings.load import load_settings

    assert app.run(["settings"]) == 0
    path = tmp_path / "settings.yaml"
    path.write_text(capsys.readouterr().out)
    loaded = load_settings(path, instrument="SOXS", recipe="soxs-stare", arm="VIS")
    assert loaded.warnings == ()
    assert loaded.settings == load_settings(None, instrument="SOXS", recipe="soxs-stare", arm="VIS").settings


@pytest.mark.parametrize("arguments", [["--arm"], ["--armm", "VIS"], ["nothere.yaml"], ["--seed", "minus one"], ["scene.yaml", "VIS"]])
def test_scenes_that_make_no_sense_end_with_2(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert app.run(["simulate", *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_workspace_root_of_the_settings_is_the_output_folder(tmp_path):
    assert output_folder(None, {"workspace-root-dir": str(tmp_path / "w")}) == tmp_path / "w"
    (tmp_path / "s.yaml").write_text(f"workspace-root-dir: {tmp_path}/from_file\n")
    assert output_folder(None, str(tmp_path / "s.yaml")) == tmp_path / "from_file"
    assert output_folder("chosen", {"workspace-root-dir": "/elsewhere"}).name == "chosen"
    assert output_folder(None, False) == output_folder(".", None)


def test_colour_only_at_a_terminal_and_only_if_wanted(monkeypatch, capsys):
    report = StepReport(step="detrend", seconds=0.5, note="3 orders")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    Console().step(report)
    assert "\x1b[" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    Console().step(report)
    assert capsys.readouterr().err == "  detrend                    0.50 s  3 orders\n"


def test_at_a_terminal_product_names_are_short_and_fold_nowhere(monkeypatch, capsys):
    name = "20250302T020000_VIS_1X1_12_STARE_OBJECT_900PT0S_SOXS_SN2026ABC"
    made = [("EXTRACTED_MERGED_TABLE", "PROD", "reduced", "_EXTRACTED_MERGED.fits"), ("REPORT", "QC", "qc", "_report.html")]
    records = tuple(
        ProductRecord(label=label, description="what it is", file_type="FITS", kind=kind, path=Path("/data") / folder / f"{name}{suffix}")
        for label, kind, folder, suffix in made
    )
    bad = Metric(name="N ORDERS", value=3, low=4, high=4, comment="Number of orders")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    Console().close("soxs-stare", Published(final=records[0].path, products=records, metrics=(bad,)))
    said = capsys.readouterr()
    lines = [line.rstrip() for line in said.out.splitlines()]
    assert lines.count(f"soxs-stare products (… is {name})") == 2
    assert "in /data/reduced" in lines
    assert "EXTRACTED_MERGED_TABLE  FITS  …_EXTRACTED_MERGED.fits  what it is" in lines
    assert f"report:        /data/qc/{name}_report.html" in lines
    assert "\x1b[3" not in said.out
    assert "out of the acceptable range: N ORDERS" in said.err
    Console(verbose=True).close("soxs-stare", Published(final=records[0].path, products=records, metrics=()))
    assert f"/data/qc/{name}_report.html" in capsys.readouterr().out.replace("\n", "")


def test_control_characters_never_reach_the_terminal():
    assert one_line("a\x1b]0;title\x07b\r\nc") == "a ]0;title b c"


def test_the_installed_command_starts_without_heavy_imports():
    code = "import sys; from soxspipe.cli import app; app.run(['--help']); print([m for m in ('numpy', 'scipy', 'astropy', 'matplotlib', 'pydantic', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


GROUPS = ("reduce", "list", "raw")
COMMANDS = (*RECIPES, "settings", "simulate", "validate", "fluxcal", "telluric", "join", "convert", "night", "prep", "watch")
PARTS = ("reduce all", "reduce sof", "list ob", "list sof", "raw sof")


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_no_help_text_is_cut(group, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert app.run([*group.split(), "--help"]) == 0
    assert not [line for line in capsys.readouterr().out.splitlines()[1:] if line.rstrip().endswith("...")]


@pytest.mark.parametrize("command", ["", *COMMANDS, *PARTS])
def test_every_help_has_an_example_and_the_exit_status_within_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert app.run([*command.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = " ".join(" ".join(lines).split())
    assert "Example: soxspipe" in said
    assert "Exit status: 0" in said
    assert max(map(len, lines)) <= 80


def test_the_recipe_that_makes_a_missing_input_is_a_command():
    makers = {row.made_by for verb in RECIPES for row in reduction(verb).spec.inputs if row.made_by}
    assert makers
    assert makers <= set(RECIPES)
