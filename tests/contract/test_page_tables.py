"""Tables 79 and 80 of the recipe page, row by row, against the recipe's own tables."""

import re

import pytest

from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.stare.ranges import BY_ARM as RANGES
from soxspipe.reductions.stare.spec import STARE
from soxspipe.settings.stare import StareSettings
from support.runs import make_stare_run, measure_metrics, publish_stare

# label on the page, our label, type, when: S always, F flux-calibrated, R response made, O when the settings ask for it
OUTPUTS = [
    ("EXTRACTED ORDERS TABLE", "EXTRACTED_ORDERS_TABLE", "FITS", "S"),
    ("EXTRACTED MERGED TABLE", "EXTRACTED_MERGED_TABLE", "FITS", "S"),
    ("EXTRACTED FLUXCAL SPECTRUM", "EXTRACTED_FLUXCAL_SPECTRUM", "FITS", "F"),
    ("SKY SUBTRACTED OBJECT", "SKY_SUBTRACTED_OBJECT", "FITS", "S"),
    ("SKY MODEL", "SKY_MODEL", "FITS", "S"),
    ("SKY SUB RESIDUALS", "SKY_SUB_RESIDUALS", "FITS", "S"),
    ("RESPONSE_FUNC", "RESPONSE_FUNC", "FITS", "R"),
    ("EFFICIENCY", "EFFICIENCY", "FITS", "R"),
    ("EXTRACTED MERGED ASCII", "EXTRACTED_MERGED_ASCII", "TXT", "S"),
    ("BKGROUND", "BKGROUND", "PDF", "S"),
    ("SKY MODEL QC PLOTS", "SKY_MODEL_QC_PLOTS", "PDF", "O"),
    ("SKY SUBTRACTION QUICKLOOK", "SKY SUBTRACTION QUICKLOOK", "PDF", "S"),
    ("OBJECT TRACE RES", "OBJECT_TRACE_RES", "PDF", "S"),
    ("EXTRACTED ORDERS QC PLOT", "EXTRACTED_ORDERS_QC_PLOT", "PDF", "S"),
    ("EXTRACTED MERGED QC PLOT", "EXTRACTED_MERGED_QC_PLOT", "PDF", "S"),
    ("EXTRACTED MERGED FLUXCALIBRATED QC PLOT", "EXTRACTED_MERGED_FLUXCALIBRATED_QC_PLOT", "PDF", "F"),
    ("RESPONSE QC PLOT", "RESPONSE_QC_PLOT", "PDF", "R"),
]

DRAWN_BY_DEFAULT = {"SKY_MODEL_QC_PLOTS"}
"""Optional on the page; drawn here unless the settings say no."""

# label, unit, VIS range, NIR range
METRICS = [
    ("BADPIX FRAC", "", (0.0, 0.01), (0.0, 0.01)),
    ("INNER ORDER PIX MEAN", "electrons", (-40, 60), (-40, 60)),
    ("INNER ORDER PIX SUM", "electrons", None, None),
    ("BADPIX NUM", "", None, None),
    ("N ORDERS", "", (4, 4), (15, 15)),
    ("SAMPLES DET NUM", "", None, None),
    ("SAMPLES DET FRAC", "", (0.93, 1.0), (0.7, 1.0)),
    ("SAMPLES TOT NUM", "", None, None),
    ("SAMPLES CLIP NUM", "", None, None),
    ("SAMPLES CLIP FRAC", "", (0.0, 0.2), (0.0, 0.3)),
    ("X RES MAX", "px", None, None),
    ("X RES MIN", "px", None, None),
    ("X RES SD", "px", (0.0, 0.2), None),
    ("Y RES MAX", "px", None, None),
    ("Y RES MIN", "px", None, None),
    ("Y RES SD", "px", None, (0.0, 0.5)),
    ("EFF MEDIAN", "", (0.04, 0.60), (0.02, 0.50)),
    ("SNR MEDIAN", "", (50, 1000), (7, 200)),
    ("EFF MEDIAN O<N>", "", None, None),
    ("SNR MEDIAN O<N>", "", None, None),
]


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    settings = StareSettings.model_validate({"sky": {"sky_model_qc_plot": True}})
    run = make_stare_run("VIS", standard=True, settings=settings)
    return publish_stare(run, tmp_path_factory.mktemp("all"), StepTimer())


@pytest.mark.parametrize(("label", "ours", "kind", "_when"), OUTPUTS, ids=[row[0] for row in OUTPUTS])
def test_every_output_of_the_page_is_made(everything, label, ours, kind, _when):
    (record,) = [record for record in everything.products if record.label == ours]
    assert ours.replace("_", " ") == label.replace("_", " ")
    assert record.file_type == kind
    assert record.path.stat().st_size > 500
    assert record.kind == ("QC" if kind == "PDF" else "PROD")
    assert record.description
    if kind == "PDF":
        assert record.path.read_bytes()[:5] == b"%PDF-"
        assert record.path.stat().st_size < 1_500_000


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made but not rendered."""
    monkeypatch.setattr("soxspipe.plots.pdf.figure_as_pdf", lambda figure: b"%PDF-")
    monkeypatch.setattr("soxspipe.report.science.page.build_report", lambda content, judgement: "<!doctype html>")


def test_a_science_frame_without_response_has_no_rows_of_the_standard(tmp_path, undrawn):
    from dataclasses import replace

    run = make_stare_run("NIR", settings=StareSettings())
    run = replace(run, result=replace(run.result, fluxed=None, response=None), inputs=replace(run.inputs, response=None))
    made = {record.label for record in publish_stare(run, tmp_path, StepTimer()).products}
    for _label, ours, _kind, when in OUTPUTS:
        assert (ours in made) == (when == "S" or ours in DRAWN_BY_DEFAULT), ours


def test_plots_can_be_switched_off(tmp_path):
    made = publish_stare(make_stare_run("NIR"), tmp_path, StepTimer()).products
    assert {record.file_type for record in made} == {"FITS", "TXT", "JSON", "YAML", "LOG"}


def test_debug_draws_the_sky_model_of_every_order(tmp_path, undrawn):
    from dataclasses import replace

    run = replace(make_stare_run("NIR", settings=StareSettings()), debug=True)
    names = [record.path.name for record in publish_stare(run, tmp_path, StepTimer()).products if record.label == "SKY_MODEL_QC_PLOTS"]
    assert [name.rsplit("_", 1)[-1] for name in names] == ["10.pdf", "11.pdf", "12.pdf"]


@pytest.mark.parametrize("arm", ["VIS", "NIR"])
@pytest.mark.parametrize(("label", "unit", "vis", "nir"), METRICS, ids=[row[0] for row in METRICS])
def test_every_metric_of_the_page_is_measured_with_its_range(arm, label, unit, vis, nir):
    assert any(label in row.labels for row in STARE.metrics)
    found = _metrics(arm)
    names = [label] if "<N>" not in label else [name for name in found if name.startswith(label.replace("<N>", ""))]
    assert len(names) == (1 if "<N>" not in label else {"VIS": 4, "NIR": 3}[arm])
    for name in names:
        metric = found[name]
        assert metric.unit == unit
        limits = vis if arm == "VIS" else nir
        assert ((metric.low, metric.high) if metric.low is not None else None) == limits
        if not (name[0] in "XY" and name[0] != ("X" if arm == "VIS" else "Y")):
            assert metric.value is not None


_found: dict[str, dict] = {}


def _metrics(arm):
    if arm not in _found:
        _found[arm] = {metric.name: metric for metric in measure_metrics(make_stare_run(arm, standard=True))}
    return _found[arm]


def test_every_range_belongs_to_a_metric():
    labels = {label for row in STARE.metrics for label in row.labels}
    for ranges in RANGES.values():
        assert set(ranges) <= labels


def test_every_metric_that_is_measured_is_in_the_table():
    labels = {label.replace("<M>", "<N>") for row in STARE.metrics for label in row.labels}
    for metric in measure_metrics(make_stare_run("NIR", standard=True)):
        name = re.sub(r"RES \d+-\d+$", "RES <LO>-<HI>", metric.name)
        assert re.sub(r"\bO\d+\b", "O<N>", name) in labels
