"""Settings files that are no settings, or ask for what cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from hostile.case import FINE, Case
from soxspipe.settings.published_names import leaves
from support.small import Kit

FILE = "mine.yaml"
QUIET = b"make_plots: false\n"


def cases() -> Iterator[Case]:
    """All of them."""
    for name, (content, says) in REFUSED.items():
        yield Case(name=f"settings: {name}", spoil=partial(_written, content=content), says=says, names=FILE)
    for name, (content, says) in VALUES.items():
        yield Case(name=f"settings: {name}", spoil=partial(_written, content=QUIET + content), says=says)
    for name, (content, says) in HARMLESS.items():
        yield Case(name=f"settings: {name}", spoil=partial(_written, content=QUIET + content), says=says, status=FINE, slow=True)
    for name, spoil in PLACES.items():
        yield Case(name=f"settings: {name}", spoil=spoil, says="cannot be read|larger|UTF-8|not a")
    for leaf in leaves():
        for name, value in WRONG_TYPES.items():
            if leaf.field == "qc_acceptable_ranges" or (leaf.info.annotation is bool and name == "true") or (name == "null"):
                continue
            content = QUIET + f"{leaf.spelling}: {value}\n".encode()
            yield Case(name=f"settings: {leaf.spelling} is {name}", spoil=partial(_written, content=content), says=leaf.spelling)


def _written(kit: Kit, *, content: bytes) -> list[str]:
    path = kit.folder / FILE
    path.write_bytes(content)
    return [str(kit.sof), "-s", str(path)]


def _nested(depth: int, opening: str, closing: str) -> bytes:
    return (opening * depth + "a" + closing * depth).encode()


def _laughs() -> bytes:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines).encode()


REFUSED: dict[str, tuple[bytes, str]] = {
    "a list": (b"- use_flat\n- subtract_sky\n", "key: value"),
    "a word": (b"everything\n", "key: value"),
    "a number": (b"42\n", "key: value"),
    "an open bracket": (b"use_flat: [true\n", "line"),
    "an open quote": (b"use_flat: 'true\n", "line"),
    "tabs": (b"soxs-stare:\n\tuse_flat: true\n", "line"),
    "two documents": (b"a: 1\n---\nb: 2\n", "document"),
    "bytes that are not UTF-8": (b"use_flat: \xff\xfe\n", "UTF-8"),
    "UTF-16": ("use_flat: true\n".encode("utf-16"), "UTF-8"),
    "NUL bytes": (b"use_flat: \x00\n", "line|character|special"),
    "control characters": (b"use_flat: \x07\n", "line|character|special"),
    "a FITS file": (b"SIMPLE  =                    T" + b" " * 2850, "key: value|line"),
    "JSON cut short": (b'{"use_flat": tru', "line"),
    "a Python object": (b"use_flat: !!python/object/apply:os.system ['touch pwned']\n", "constructor|tag"),
    "a Python name": (b"use_flat: !!python/name:os.system\n", "constructor|tag"),
    "a Python module": (b"use_flat: !!python/module:os\n", "constructor|tag"),
    "a Python object made anew": (b"a: !!python/object/new:type {args: [z, [], {}], state: {}}\n", "constructor|tag"),
    "an unknown tag": (b"use_flat: !shell 'touch pwned'\n", "constructor|tag"),
    "a tag that lies": (b"use_flat: !!int 'a'\n", "settings file"),
    "a date that is none": (b"use_flat: 2025-99-99\n", "settings file"),
    "a billion laughs": (_laughs(), "anchors|entries"),
    "an anchor in itself": (b"a: &a [*a]\n", "deeper|entries|anchors"),
    "a thousand brackets": (_nested(1000, "[", "]"), "deeper|line"),
    "a hundred thousand brackets": (_nested(100_000, "[", "]"), "deeper|line"),
    "a hundred braces": (_nested(100, "{a: ", "}"), "deeper|line"),
    "two megabytes": (b"# comment\n" * 200_000 + b"a: 1", "larger"),
    "fifty thousand keys": (b"".join(b"k%d: 1\n" % n for n in range(50_000)), "entries"),
    "an unknown anchor": (b"use_flat: *nothing\n", "alias|anchor"),
    "a key that is a list": (b"? [a, b]\n: 1\n", "settings file"),
}

VALUES: dict[str, tuple[bytes, str]] = {
    "a recipe that is a number": (b"soxs-stare: 5\n", "soxs-stare.*block"),
    "an arm that is a list": (b"soxs-stare: {vis: [1, 2]}\n", "vis.*block"),
    "a block that is text": (b"sky-subtraction: none\n", "sky-subtraction.*block"),
    "an order beyond what is allowed": (b"order-deg: 50\n", "order-deg.*to 9"),
    "a number beyond all numbers": (b"stacked-clipping-sigma: .inf\n", "stacked-clipping-sigma"),
    "a number that is none": (b"gaussian-blur-sigma: .nan\n", "gaussian-blur-sigma"),
    "a number of 400 digits": (b"order-sample-count: 1" + b"0" * 400 + b"\n", "order-sample-count"),
    "a number below its range": (b"slice-length: -5\n", "slice-length.*from 7"),
    "a number above its range": (b"slice-width: 100000\n", "slice-width.*to 500"),
    "a place off the slit": (b"object_slit_arcsec: 7.5\n", "object_slit_arcsec"),
    "a range of one number": (b"qc-acceptable-ranges: {snr-median: [1]}\n", "snr-median"),
    "a range of text": (b"qc-acceptable-ranges: {snr-median: [low, high]}\n", "snr-median"),
    "a range that is no range": (b"qc-acceptable-ranges: {snr-median: wide}\n", "snr-median"),
    "ranges that are a list": (b"qc-acceptable-ranges: [1, 2]\n", "qc-acceptable-ranges"),
}

HARMLESS: dict[str, tuple[bytes, str]] = {
    "nothing but a comment": (b"# nothing\n", ""),
    "an unknown key": (b"use_flatt: true\n", "did you mean 'use_flat'"),
    "keys that are numbers and nothing": (b"1: 2\nnull: 3\ntrue: 4\n1.5: 5\n2020-01-01: 6\n", "not known"),
    "an empty block": (b"soxs-stare:\n", ""),
    "a key with a script": (b"'<script>alert(1)</script>': 1\n", "not known"),
    "a key with an escape sequence": (b'"\\e[31mred": 1\n', "not known"),
    "the same key twice": (b"use_flat: false\nuse_flat: true\n", ""),
    "a merge": (b"base: &b {use_flat: true}\nsoxs-stare: {<<: *b}\n", ""),
    "an output folder with NUL, when another is chosen": (b'workspace-root-dir: "a\\0b"\n', ""),
    "an output folder that is a number": (b"workspace-root-dir: 5\n", ""),
}


def _folder(kit: Kit) -> list[str]:
    return [str(kit.sof), "-s", str(kit.folder)]


def _loop(kit: Kit) -> list[str]:
    path = kit.folder / FILE
    path.symlink_to(path)
    return [str(kit.sof), "-s", str(path)]


PLACES: dict[str, Callable[[Kit], list[str]]] = {
    "a folder": _folder,
    "a file that is not there": lambda kit: [str(kit.sof), "-s", str(kit.folder / "none.yaml")],
    "a link to itself": _loop,
    "a device of zeros": lambda kit: [str(kit.sof), "-s", "/dev/zero"],
    "a name with NUL": lambda kit: [str(kit.sof), "-s", "a\0b"],
    "a name of 5000 characters": lambda kit: [str(kit.sof), "-s", "x" * 5000],
    "the raw frame": lambda kit: [str(kit.sof), "-s", str(kit.files["raw0"])],
}

WRONG_TYPES = {
    "text": "sideways",
    "a list": "[1, 2]",
    "a block": "{a: 1}",
    "true": "true",
    "a date": "2025-01-01",
    "10^40": "1e+40",
    "-10^40": "-1e+40",
}
