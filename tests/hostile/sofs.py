"""Set-of-files, folders, lists and command lines that make no sense."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from hostile.case import FINE, Case
from support.small import Kit

SOF = "_STARE_OBJECT_"


def cases() -> Iterator[Case]:
    """All of them."""
    for name, (content, says) in CONTENTS.items():
        yield Case(name=f"sof: {name}", spoil=partial(_written, content=content), says=says, names=SOF)
    for name, text in HARMLESS.items():
        yield Case(name=f"sof: {name}", spoil=partial(_wrapped, text=text), status=FINE, slow=True)
    for name, file in NAMES.items():
        yield Case(name=f"sof: called {name}", spoil=partial(_renamed, name=file), status=FINE, slow=True)
    for name, (words, says) in COMMANDS.items():
        yield Case(name=f"command: {name}", spoil=words, says=says)
    for name, words in OUTPUTS.items():
        yield Case(name=f"output: {name}", spoil=words, says="cannot write|not a name of a folder|File name too long", status=(1, 2))


def _written(kit: Kit, *, content: bytes | Callable[[Kit], bytes]) -> None:
    kit.sof.write_bytes(content if isinstance(content, bytes) else content(kit))


def _wrapped(kit: Kit, *, text: str) -> None:
    """The usual lines with something around or between them."""
    lines = kit.sof.read_text().splitlines()
    kit.sof.write_bytes(text.replace("LINES", "\n".join(lines)).encode())


def _renamed(kit: Kit, *, name: str) -> list[str]:
    path = kit.folder / name
    kit.sof.rename(path)
    return [str(path)]


def _lines(extra: str) -> Callable[[Kit], bytes]:
    return lambda kit: (kit.sof.read_text() + extra).encode()


CONTENTS: dict[str, tuple[bytes | Callable[[Kit], bytes], str]] = {
    "empty": (b"", "lists no FITS file"),
    "only comments": (b"# a.fits\n  # b.fits\n", "lists no FITS file"),
    "only blank lines": (b"\n\n   \n\t\n", "lists no FITS file"),
    "prose": (b"Dear night assistant,\nplease reduce everything.\n", "lists no FITS file"),
    "bytes that are not UTF-8": (b"caf\xe9/raw.fits OBJECT\n", "UTF-8"),
    "UTF-16": ("raw.fits OBJECT\n".encode("utf-16"), "UTF-8|lists no|not a path"),
    "NUL bytes": (b"raw\x00.fits OBJECT\n", "not a path"),
    "a line of a million characters": (b"x" * 1_000_000 + b".fits TAG\n", "line 1"),
    "a gigantic file": (b"raw.fits TAG\n" * 100_000, "larger than"),
    "three thousand files": (lambda kit: b"".join(b"none_%d.fits TAG\n" % n for n in range(3000)), "does not exist|at most"),
    "a file that is not there": (_lines("missing.fits OBJECT_VIS\n"), "line 7 lists 'missing.fits'"),
    "a path upwards": (_lines("../../../../nowhere/else.fits TAG\n"), "does not exist"),
    "an absolute path": (_lines("/root/secret.fits TAG\n"), "does not exist"),
    "somebody's home": (_lines("~nobody_of_this_name/raw.fits TAG\n"), "does not exist"),
    "a wildcard": (_lines("*.fits TAG\n"), r"'\*\.fits', which does not exist"),
    "an address": (_lines("https://example.org/raw.fits TAG\n"), "does not exist"),
    "a variable": (_lines("$HOME/raw.fits TAG\n"), "does not exist"),
    "an escape sequence in a name": (_lines("\x1b[31mred.fits TAG\n"), "does not exist"),
    "itself": (lambda kit: f"{kit.sof.name}.fits X\n".encode(), "does not exist"),
    "zeros": (bytes(5000), "lists no|not a path"),
    "noise": (os.urandom(5000), "UTF-8|not a path|lists no"),
    "a FITS file": (lambda kit: kit.files["bias"].read_bytes()[:50_000], "UTF-8|not a path|line|lists no"),
}

HARMLESS = {
    "with a byte-order mark": "\ufeffLINES\n",
    "with Windows line ends and comments": "# a\r\n\r\nLINES\r\n",
    "with every file twice": "LINES\nLINES\n",
    "with a path that is no FITS file": "LINES\n/etc/passwd PASSWORDS\n",
    "with other text": "LINES\nready.txt\nCALIB done\n",
}

NAMES = {
    "like an option": "-x.sof",
    "with blanks and quotes": "a 'b' \"c\".sof",
    "with a shell command": "$(touch pwned);`id`.sof",
    "with a script": "<script>alert(1)<.sof",
    "with dots alone": "....sof",
    "like a hidden file": ".sof",
    "with letters of the world": "\u0394\u03bb_\u4e2d\u6587_\u0639\u0631\u0628.sof",
    "with a line break": "a\nb.sof",
    "with a format": "%s%n{}.sof",
    "as long as can be": "x" * 250 + ".sof",
    "without a suffix": "frames",
    "with a date that is none": "20259999T999999_VIS.sof",
}


def _empty_folder(kit: Kit) -> list[str]:
    (kit.folder / "empty").mkdir()
    return [str(kit.folder / "empty")]


def _text_folder(kit: Kit) -> list[str]:
    (kit.folder / "text").mkdir()
    (kit.folder / "text" / "a.txt").write_text("a")
    return [str(kit.folder / "text")]


def _nested_folder(kit: Kit) -> list[str]:
    (kit.folder / "deep" / "raw.fits").mkdir(parents=True)
    return [str(kit.folder / "deep")]


def _dead_link_folder(kit: Kit) -> list[str]:
    kit.files["bias"].unlink()
    kit.files["bias"].symlink_to("nowhere")
    return [str(kit.folder)]


COMMANDS: dict[str, tuple[Callable[[Kit], list[str]], str]] = {
    "an empty folder": (_empty_folder, "holds no FITS file"),
    "a folder of text": (_text_folder, "holds no FITS file"),
    "a folder of folders": (_nested_folder, "holds no FITS file"),
    "a folder with a dead link": (_dead_link_folder, "MASTER_BIAS_VIS"),
    "a set-of-files that is not there": (lambda kit: ["nothing.sof"], r"nothing\.sof: does not exist"),
    "a FITS file that is not there": (lambda kit: ["nothing.fits"], r"nothing\.fits: does not exist"),
    "an empty word": (lambda kit: [""], "empty path"),
    "a name of 5000 characters": (lambda kit: ["x" * 5000 + ".sof"], "not a path"),
    "a device": (lambda kit: ["/dev/zero"], "not a regular file"),
    "another device": (lambda kit: ["/dev/null"], "not a regular file"),
    "one calibration alone": (lambda kit: [str(kit.files["bias"])], "no object exposure"),
    "one raw frame alone": (lambda kit: [str(kit.files["raw0"])], "MASTER_BIAS_VIS"),
    "words that are no files": (lambda kit: ["a", "b", "c"], "none of the 3 inputs is a FITS file"),
    "a raw frame and a file that is not there": (lambda kit: [str(kit.files["raw0"]), "other.fits"], r"other\.fits: does not exist"),
}


def _on_a_file(kit: Kit) -> list[str]:
    return [str(kit.sof), "-o", str(kit.files["bias"])]


def _below_a_file(kit: Kit) -> list[str]:
    return [str(kit.sof), "-o", str(kit.files["bias"] / "below")]


OUTPUTS: dict[str, Callable[[Kit], list[str]]] = {
    "a file": _on_a_file,
    "a folder below a file": _below_a_file,
    "in /proc": lambda kit: [str(kit.sof), "-o", "/proc/products"],
    "in /dev/null": lambda kit: [str(kit.sof), "-o", "/dev/null/products"],
    "a name of 5000 characters": lambda kit: [str(kit.sof), "-o", "x" * 5000],
    "a name of NUL": lambda kit: [str(kit.sof), "-o", "a\0b"],
    "a dead link": lambda kit: [str(kit.sof), "-o", str(_dead_link(kit))],
}


def _dead_link(kit: Kit) -> Path:
    link = kit.folder / "products"
    link.symlink_to("/nowhere/at/all")
    return link
