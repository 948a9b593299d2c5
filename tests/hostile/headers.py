"""Headers that lie, contradict one another, or carry text that is meant for someone else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from hostile.cards import set_cards
from hostile.case import BAD, FINE, Case
from support.small import Kit

RAW = "raw_VIS_sci_0.fits"
EXTREME = "9" * 70


def cases() -> Iterator[Case]:
    """All of them."""
    for name, (cards, says) in REFUSED.items():
        yield Case(name=f"header: {name}", spoil=partial(_carded, roles=("raw0",), cards=cards), says=says, names=RAW)
    for name, (role, cards, says, file) in UNFIT.items():
        yield Case(name=f"header: {name}", spoil=partial(_carded, roles=(role,), cards=cards), says=says, names=file)
    for text_name, text in TEXTS.items():
        for keyword in ("OBJECT", "DATE_OBS"):
            yield Case(
                name=f"header: {keyword} is {text_name}",
                spoil=partial(_named_by_header, cards={keyword: f"'{text}'"}),
                status=FINE,
                slow=keyword == "DATE_OBS",
            )
    for name, text in TEXTS.items():
        everywhere = dict.fromkeys(EVERYWHERE, f"'{text}'")
        yield Case(name=f"header: every text is {name}", spoil=partial(_all_text, cards=everywhere), status=(0, 2), slow=True)
    for name, cards in HARMLESS.items():
        yield Case(name=f"header: {name}", spoil=partial(_carded, roles=("raw0",), cards=cards), status=FINE, slow=True)
    for role in ("bias", "flat", "order_table", "disp_table", "disp_image"):
        swapped = partial(_carded, roles=(role,), cards={"ESO__SEQ__ARM": "'NIR'"})
        yield Case(name=f"header: {role} of the other arm", spoil=swapped, says="ESO SEQ ARM", names=_file(role))
        both = partial(_carded, roles=(role,), cards={"ESO__SEQ__ARM": "'NIR'", "ESO__PRO__CATG": f"'{CATEGORY[role]}_NIR'"})
        yield Case(name=f"header: {role} wholly of the other arm", spoil=both, says="arm", names=_file(role))
        gone = partial(_carded, roles=(role,), cards={"ESO__PRO__CATG": None})
        status = (0,) if role in ("flat", "disp_image") else BAD
        yield Case(
            name=f"header: {role} without its category",
            spoil=gone,
            says=CATEGORY[role] if status == BAD else "",
            status=status,
            slow=status == FINE,
        )
        foreign = partial(_carded, roles=(role,), cards={"INSTRUME": "'XSHOOTER'"})
        yield Case(name=f"header: {role} of another instrument", spoil=foreign, says="INSTRUME", names=_file(role))


def _file(role: str) -> str:
    return f"master_{role}_VIS.fits" if role in ("bias", "flat") else f"{role}_VIS.fits"


def _carded(kit: Kit, *, roles: Sequence[str], cards: dict[str, str | None]) -> None:
    for role in roles:
        set_cards(kit.own(role), **cards)


def _named_by_header(kit: Kit, *, cards: dict[str, str | None]) -> list[str]:
    """Give a folder, so that products are named after the header."""
    _carded(kit, roles=("raw0",), cards=cards)
    kit.sof.unlink()
    return [str(kit.folder)]


def _all_text(kit: Kit, *, cards: dict[str, str | None]) -> list[str]:
    _carded(kit, roles=tuple(kit.files), cards=cards)
    return _named_by_header(kit, cards={})


CATEGORY = {
    "bias": "MASTER_BIAS", "flat": "MASTER_FLAT", "order_table": "ORDER_TAB", "disp_table": "DISP_TAB", "disp_image": "DISP_IMAGE",
}  # fmt: skip

REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no EXPTIME": ({"EXPTIME": None}, "EXPTIME"),
    "EXPTIME 0": ({"EXPTIME": "0.0"}, "EXPTIME"),
    "EXPTIME below 0": ({"EXPTIME": "-300.0"}, "EXPTIME"),
    "EXPTIME as text": ({"EXPTIME": "'five minutes'"}, "EXPTIME"),
    "EXPTIME NaN": ({"EXPTIME": "NaN"}, "EXPTIME"),
    "EXPTIME beyond all numbers": ({"EXPTIME": "1E999"}, "EXPTIME"),
    "EXPTIME of a geological age": ({"EXPTIME": "1E30"}, "EXPTIME"),
    "EXPTIME true": ({"EXPTIME": "T"}, "EXPTIME"),
    "binning 0": ({"ESO__DET__BINX": "0"}, "ESO DET BINX"),
    "binning -1": ({"ESO__DET__BINY": "-1"}, "ESO DET BINY"),
    "binning 3": ({"ESO__DET__BINX": "3"}, "ESO DET BINX"),
    "binning 1.5": ({"ESO__DET__BINX": "1.5"}, "ESO DET BINX"),
    "binning of 10^9": ({"ESO__DET__BINX": "1000000000"}, "ESO DET BINX"),
    "binning beyond all numbers": ({"ESO__DET__BINX": EXTREME[:40]}, "ESO DET BINX"),
    "binning NaN": ({"ESO__DET__BINX": "NaN"}, "ESO DET BINX|binning"),
    "an arm that is not": ({"ESO__SEQ__ARM": "'INFRARED'"}, "ESO SEQ ARM"),
    "an empty arm": ({"ESO__SEQ__ARM": "''"}, "ESO SEQ ARM"),
    "no arm": ({"ESO__SEQ__ARM": None}, "ESO SEQ ARM"),
    "an arm of X-shooter": ({"ESO__SEQ__ARM": "'UVB'"}, "ESO SEQ ARM"),
    "an unknown instrument": ({"INSTRUME": "'HUBBLE'"}, "INSTRUME|object exposure"),
    "no instrument": ({"INSTRUME": None}, "INSTRUME|object exposure"),
    "an image, not a spectrum": ({"ESO__DPR__TECH": "'IMAGE'"}, "ECHELLE,SLIT,STARE"),
    "a lamp, not a star": ({"ESO__DPR__TYPE": "'LAMP,FLAT'"}, "object exposure"),
    "no DPR TYPE": ({"ESO__DPR__TYPE": None}, "object exposure"),
    "a product, not a raw frame": ({"ESO__PRO__CATG": "'SCI_SLIT_FLUX_VIS'"}, "object exposure"),
    "BSCALE as text": ({"BSCALE": "'one'"}, "BSCALE"),
    "BZERO NaN": ({"BZERO": "NaN"}, "BZERO"),
    "BSCALE beyond all numbers": ({"BSCALE": "1E999"}, "BSCALE"),
}

UNFIT: dict[str, tuple[str, dict[str, str | None], str, str]] = {
    "a bias of another binning": ("bias", {"ESO__DET__BINX": "2"}, "binning", "master_bias_VIS.fits"),
    "a bias of another read-out": ("bias", {"ESO__DET__READ__CURID": "9"}, "read-out", "master_bias_VIS.fits"),
    "a flat of another slit": ("flat", {"ESO__INS__VISE__NAME": "'SLIT5.0'"}, "slit", "master_flat_VIS.fits"),
    "a flat of another gain": ("flat", {"ESO__DET__OUT1__CONAD": "9.9"}, "gain", "master_flat_VIS.fits"),
    "a bias binned with text": ("bias", {"ESO__DET__BINX": "'x'"}, "binning|shape|NAXIS", "master_bias_VIS.fits"),
}

TEXTS = {
    "a script": "<script>alert(1)</script>",
    "a broken tag": '"><img src=x onerror=alert(1)>',
    "a path upwards": "../../../../tmp/pwned",
    "an absolute path": "/etc/passwd",
    "a shell command": "$(touch pwned); `id` | rm -rf ~",
    "a format": "%s%n{0.__class__}${HOME}",
    "an escape sequence": "\x1b[31m\x1b]0;pwned\x07",
    "control characters": "a\x00b\nc\rd\te\x7f",
    "bytes beyond ASCII": "caf\xe9 \xff\xfe\x80",
    "a quote": "O''Brien''s star",
    "blank": "   ",
    "only dots": "...",
    "as long as can be": "x" * 60,
    "a template": "{{7*7}} {% raw %}",
    "a comment's end": "--> </style></script> */",
}

EVERYWHERE = (
    "OBJECT",
    "DATE_OBS",
    "ESO__OBS__NAME",
    "ESO__OBS__TARG__NAME",
    "ESO__TPL__NAME",
    "ESO__DET__READ__CURID",
    "ESO__INS__VISE__NAME",
    "TELESCOP",
)

HARMLESS: dict[str, dict[str, str | None]] = {
    "a date that is none": {"DATE_OBS": "'9999-99-99T99:99:99'"},
    "the year 0": {"DATE_OBS": "'0000-00-00T00:00:00'"},
    "MJD of 10^300": {"MJD_OBS": "1E300", "DATE_OBS": None},
    "MJD below 0": {"MJD_OBS": "-1E9", "DATE_OBS": None},
    "MJD as text": {"MJD_OBS": "'today'"},
    "a place that is none": {"RA": "1E9", "DEC": "-999.0"},
    "an air mass of 0": {"ESO__TEL__AIRM__START": "0.0", "ESO__TEL__AIRM__END": "0.0"},
    "an air mass of 10^9": {"ESO__TEL__AIRM__START": "1E9"},
    "an air mass as text": {"ESO__TEL__AIRM__START": "'high'", "ESO__TEL__AIRM__END": "'low'"},
    "a seeing of 10^9": {"ESO__TEL__AMBI__FWHM__START": "1E9", "ESO__TEL__AMBI__FWHM__END": "-1.0"},
    "a gain of 0": {"ESO__DET__OUT1__CONAD": "0.0"},
    "a gain below 0": {"ESO__DET__OUT1__CONAD": "-1.0", "ESO__DET__OUT1__GAIN": "-1.0"},
    "temperatures as text": {"ESO__INS__TEMP104__VAL": "'cold'", "ESO__INS__TEMP301__VAL": "NaN"},
    "a value without a quote": {"OBJECT": "'never closed"},
    "a keyword of junk": {"!!!": "'?'", "ESO__": "1"},
    "a card of 10^40": {"ESO__TPL__EXPNO": EXTREME[:40]},
    "INHERIT and a checksum that is wrong": {"CHECKSUM": "'0000000000000000'", "DATASUM": "'0'", "INHERIT": "T"},
}
