"""Write the table of settings into `settings.md` from the settings classes; a test holds the two together.

Run ``python docs/make_tables.py`` after a setting was added or changed; `ADVICE` must know it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from soxspipe.settings.load import allowed, load_settings
from soxspipe.settings.published_names import RECIPES, Leaf, leaves

PAGE = Path(__file__).with_name("settings.md")
START, END = "<!-- settings table: start -->", "<!-- settings table: end -->"
ARMS = (("SOXS", "NIR"), ("SOXS", "VIS"), ("XSHOOTER", "UVB"), ("XSHOOTER", "VIS"), ("XSHOOTER", "NIR"))
HEADINGS = {
    "": "The recipe",
    "stack": "Stacking",
    "background": "Scattered light",
    "cosmic_rays": "Cosmic rays",
    "sky": "Sky",
    "continuum": "Trace",
    "extraction": "Extraction",
    "response": "Response",
}
ADVICE = {
    "use_flat": "Off only to see what the flat does; without it orders do not agree in counts, and a response must be made without it as well.",
    "subtract_background": "Off if the background plot shows nothing but noise, or follows the orders.",
    "use_lacosmic": "Off if narrow emission lines of the object are flagged; the extraction rejects outliers in any case.",
    "stack_before_extraction": "Off (or `--no-stack`) for a variable target. On, exposures that differ are solved one by one in any case.",
    "scale_dark": "On for a dark of another exposure time whose level is known to be charge; a dark of the same time is always better.",
    "saturation_adu": "Give it where wells are known to be full, or the response to light bends, below the converter's limit.",
    "object_slit_arcsec": "Give it when the brightest object is not yours, or when nothing was found and a limit is wanted.",
    "correct_slit_loss": "On if target and standard were well centred and nothing better (photometry) gives the scale; errors hold that of the ratio.",
    "wavelength_frame": "`barycentric` (`--frame barycentric`) writes `<sof>_FLUXCAL_barycentric_air.fits` and `.txt`; a night does so for every finished spectrum.",
    "wavelength_medium": "`vacuum` (`--medium vacuum`) likewise; both together in one file. Column `WAVE_VAC` stands beside the air wavelengths in any case.",
    "finish_spectra": "Off if you correct and join by hand (`soxspipe telluric`, `soxspipe join`); the plain spectra are the same.",
    "apply_wavelength_shift": "Off if you correct flexure yourself; the shift is measured and reported all the same.",
    "compat": "`0.17` if scripts of yours expect the order numbers of that release; `soxspipe stare --compat 0.17` does the same.",
    "make_plots": "Off in batch work: saves the time that figures and report take.",
    "plots": "`{report: false}` leaves one out; with `make_plots: false`, `{report: true}` draws nothing else. Names are the product labels in lower case.",
    "qc_acceptable_ranges": "To set ranges for your own standards, or any range for science targets.",
    "stacked_clipping_sigma": "Lower (5) if cosmic rays survive in stacks of many exposures; raise if the seeing varied strongly and the object is flagged.",
    "stacked_clipping_iterations": "0 for a plain mean.",
    "lacosmic_sigma": "Lower (8 to 15) if many faint hits are left; raise if emission lines are flagged.",
    "horne_extraction_slit_length": "Raise for bad seeing or an extended object (`APERTURE LOSS`); lower next to a neighbour.",
    "horne_extraction_profile_poly_order": "Lower if the profile plot shows waves in a faint object.",
    "horne_extraction_profile_global_clipping_sigma": "Lower (16) if outliers survive; raise (50) if bright lines of the object are flagged 256.",
    "horne_extraction_profile_clipping_sigma": "Rarely.",
    "horne_extraction_profile_clipping_iteration_count": "Rarely.",
    "subtract_host": "Off if the extended light is what you want, or a broad image is taken for a host.",
    "horne_extraction_along_lines": "On in bad seeing (above about 1.5 arcsec) when the width of lines matters; in good seeing it changes nothing worth having.",
    "bspline_deg": "1 if the background swings in wide gaps.",
    "gaussian_blur_sigma": "Lower if the background plot shows structure along the dispersion that the model misses.",
    "subtract_sky": "Off for bright standards in short exposures when the slit holds no empty sky.",
    "bspline_order": "Rarely; 2 where lines are badly sampled.",
    "slit_illumination_order": "1 if the object or its host fills the slit; 0 if it does so entirely.",
    "clip_slit_edge_fraction": "Raise if residuals run along the ends of the slit; lower if the object lies there.",
    "min_points_per_knot": "Lower if line residuals remain on a well-sampled slit; raise if little sky is left beside the object.",
    "skyline_significance": "Lower for closer knots under faint lines (`SKY CHI LINES` above 1.15).",
    "bspline_fitting_residual_clipping_sigma": "Lower (6) if cosmic rays leave marks in the sky model.",
    "bspline_iteration_limit": "Rarely; the fit ends when nothing changes.",
    "sky_model_qc_plot": "Off saves 0.2 s of CPU; with `--debug` every order is drawn.",
    "order_sample_count": "Rarely; more samples cost time and add little.",
    "slice_length": "Raise if the object is far from the slit's centre; lower next to a bright neighbour.",
    "slice_width": "Raise (15 to 30) for faint objects: the signal of a slice grows with its root.",
    "peak_sigma_limit": "Raise if samples of a faint object scatter; whether there is an object at all is decided before, over all orders.",
    "order_deg": "Lower for a faint object in few orders; raise if the residuals of the trace bend from order to order.",
    "disp_axis_deg": "Lower for a faint object; raise if the residuals bend along the orders.",
    "poly_fitting_residual_clipping_sigma": "Lower if single samples bend the trace.",
    "poly_clipping_iteration_limit": "Rarely.",
    "max_iteration": "Rarely.",
    "poly_order": "Lower if the fit swings where bins are missing (polynomial of the table HDU and, up to 5, the base of the sampled curve).",
}


def settings_table() -> str:
    """Markdown tables of every setting, one for each group."""
    lines: list[str] = []
    for section, heading in HEADINGS.items():
        chosen = [leaf for leaf in leaves() if leaf.section == section]
        block = chosen[0].block
        lines += [f"### {heading}", ""]
        if block:
            lines += [f"In the block `{block}:`.", ""]
        lines += ["| setting | default | allowed | what it does | when to change it |", "|---|---|---|---|---|"]
        lines += [_row(leaf) for leaf in chosen]
        lines.append("")
    return "\n".join(lines)


def page_with(table: str) -> str:
    """The page with the table in its place."""
    before, rest = PAGE.read_text(encoding="utf-8").split(START)
    return f"{before}{START}\n\n{table}\n{END}{rest.split(END)[1]}"


def _row(leaf: Leaf) -> str:
    return f"| `{leaf.spelling}` | {_defaults(leaf)} | {allowed(leaf)} | {leaf.info.description} | {ADVICE[leaf.field]} |"


def _defaults(leaf: Leaf) -> str:
    """One value if all arms share it, else by instrument and arm."""
    if leaf.field == "qc_acceptable_ranges":
        return "the recipe's"
    if leaf.field == "plots":
        return "none"
    values = {arm: _shown(_default(leaf, *arm)) for arm in ARMS}
    soxs, shooter = ({arm: text for (name, arm), text in values.items() if name == wanted} for wanted in ("SOXS", "XSHOOTER"))
    first = _by_arm(soxs)
    return (
        first if set(soxs.values()) == set(shooter.values()) and len(set(soxs.values())) == 1 else f"{first}; X-shooter {_by_arm(shooter)}"
    )


def _by_arm(values: dict[str, str]) -> str:
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{arm} {text}" for arm, text in values.items())


def _default(leaf: Leaf, instrument: str, arm: str) -> Any:
    settings: Any = load_settings(None, instrument=instrument, recipe=RECIPES[0], arm=arm).settings
    return getattr(getattr(settings, leaf.section) if leaf.section else settings, leaf.field)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"`{value}`"
    return "empty" if value is None else str(value).lower() if isinstance(value, bool) else f"{value:g}"


if __name__ == "__main__":
    PAGE.write_text(page_with(settings_table()), encoding="utf-8")
