"""Links of the report lead to what is there, and to nothing else."""

from __future__ import annotations

from pathlib import Path

from soxspipe.datamodel.provenance import InputFile, Provenance
from soxspipe.reductions.stare.report_links import related_reports, relative_link

SOF = "20250302T020000_{arm}_1X1_12_STARE_OBJECT_300PT0S_SOXS_SN2026ABC"


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_product_is_reached_from_the_page_with_blanks_escaped() -> None:
    assert relative_link(Path("/out/reduced/n/a b.fits"), Path("/out/qc/n/r.html")) == "../../reduced/n/a%20b.fits"


def test_other_arm_and_standard_are_linked_where_they_are(tmp_path: Path) -> None:
    page = tmp_path / "qc/2025-03-01/soxs-stare" / (SOF.format(arm="NIR") + "_report.html")
    response = tmp_path / "reduced/2025-03-01/soxs-stare-std/star_RESP.fits"
    origin = Provenance(
        recipe="soxs-stare", sof_name=SOF.format(arm="NIR"), night="2025-03-01", calibrations=(InputFile(path=str(response), category="RESP_TAB_NIR"),)
    )  # fmt: skip
    assert related_reports(page, origin, "SOXS", "NIR") == ()
    _touch(page.parent / (SOF.format(arm="VIS") + "_report.html"))
    _touch(page.parent / (SOF.format(arm="VIS").replace("SN2026ABC", "SN2026ABD") + "_report.html"))
    _touch(tmp_path / "qc/2025-03-01/soxs-stare-std/star_report.html")
    found = {link.text: link.href for link in related_reports(page, origin, "SOXS", "NIR")}
    assert found == {
        "the same target in VIS": SOF.format(arm="VIS") + "_report.html",
        "the standard star of the response": "../soxs-stare-std/star_report.html",
    }
