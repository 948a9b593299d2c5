"""The guard before astropy's reader of FITS files: nothing is handed on before a header's claim has been checked against the file.

Headers are read without the file's data (`fits_header`, `fits_units`).  Of pixels (`fits_pixels`), tables (`fits_columns`) and tiles
(`fits_tiles`) astropy gets the data and the few cards that describe them, so that nothing else in a header can disturb it.  Plain files
are read in place, packed ones unpacked within a limit (`packed`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from soxspipe.errors import FETCH_AGAIN, InputError
from soxspipe.io.fits_header import Header
from soxspipe.io.fits_units import BLOCK, MAX_HEADER_BLOCKS, Hdu, read_unit
from soxspipe.io.packed import packing_of, unpack
from soxspipe.regular_files import open_regular

FIRST_BYTES = 16 * BLOCK
"""Read at once for a header; more only if it has no END by then."""
MAX_HDUS = 64
"""Many times what a raw frame or product has; ends a file that is made of headers."""
_PROBLEMS = (ValueError, TypeError, KeyError, OverflowError, IndexError, AttributeError, zlib.error, EOFError, MemoryError)
"""What a damaged file makes parsers raise."""


@dataclass(frozen=True, slots=True, eq=False)
class FitsFile:
    """A FITS file that has been opened: the units found, and the content if it had to be unpacked."""

    path: Path
    hdus: tuple[Hdu, ...]
    content: bytes | None = None

    @property
    def name(self) -> str:
        """File name, for messages."""
        return self.path.name

    @property
    def images(self) -> tuple[Hdu, ...]:
        """Units with pixels, in file order."""
        return tuple(hdu for hdu in self.hdus if hdu.has_image)

    @property
    def tables(self) -> tuple[Hdu, ...]:
        """Binary tables, in file order."""
        return tuple(hdu for hdu in self.hdus if hdu.is_table and not hdu.is_compressed_image)

    @property
    def header(self) -> Header:
        """The header that says what the file is: the first unit's, or the second's where the first says nothing (``.fz``)."""
        return self.hdus[0 if self.hdus[0].describes_file or len(self.hdus) == 1 else 1].header

    def data(self, hdu: Hdu, start: int = 0, stop: int | None = None) -> bytes:
        """A unit's data as they lie in the file; some bytes of them, where `start` and `stop` say so."""
        stop = hdu.n_bytes if stop is None else stop
        if self.content is not None:
            return self.content[hdu.offset + start : hdu.offset + stop]
        with open_regular(self.path) as stream:
            stream.seek(hdu.offset + start)
            data = stream.read(stop - start)
        if len(data) != stop - start:
            raise InputError(f"{self.path}: truncated, it became shorter while it was read; {FETCH_AGAIN}")
        return data


def read_header(path: Path) -> Header:
    """Read the header that says what a file is, without its data: of a packed file only as much is unpacked as the header takes.

    Raises
    ------
    InputError
        If the file cannot be read or is not FITS.
    """
    with errors_named(path):
        for enough in (FIRST_BYTES, 2 * MAX_HEADER_BLOCKS * BLOCK):
            with open_regular(path) as stream:
                start = unpack(path, stream, enough=enough) if packing_of(path) else stream.read(enough)
            is_all = len(start) < enough or enough > FIRST_BYTES
            try:
                first = read_unit(path, start, 0)
                if first.describes_file or (is_all and first.offset >= len(start)):
                    return first.header
                return read_unit(path, start, first.offset).header
            except InputError:
                if is_all:
                    raise
        raise AssertionError("unreachable")  # pragma: no cover


def first_data(path: Path, n_bytes: int = BLOCK) -> bytes:
    """The first bytes of the first unit's data, which tell exposures apart at little cost; empty where it has none near, or is tiled.

    Raises
    ------
    InputError
        If the file cannot be read or is not FITS.
    """
    with errors_named(path), open_regular(path) as stream:
        enough = FIRST_BYTES + n_bytes
        start = unpack(path, stream, enough=enough) if packing_of(path) else stream.read(enough)
        first = read_unit(path, start, 0)
        return start[first.offset : first.offset + min(n_bytes, first.n_bytes)]


def open_fits(path: Path) -> FitsFile:
    """Open a FITS file and read the headers of all its units.

    Parameters
    ----------
    path : Path
        A regular file, plain or packed as ``.gz``, ``.Z`` or ``.fz``.

    Returns
    -------
    FitsFile

    Raises
    ------
    InputError
        If the file cannot be read, is not FITS, is shorter than its headers say, or claims absurd sizes.
    """
    with errors_named(path), open_regular(path) as stream:
        content = unpack(path, stream) if packing_of(path) else None
        size = stream.seek(0, 2) if content is None else len(content)
        units: list[Hdu] = []
        position = 0
        while not units or (position < size and len(units) < MAX_HDUS):
            for n_bytes in (FIRST_BYTES, MAX_HEADER_BLOCKS * BLOCK):
                if content is None:
                    stream.seek(position)
                start = stream.read(n_bytes) if content is None else content[position : position + n_bytes]
                if b"END     " in start:
                    break
            if units and not start.startswith(b"XTENSION"):
                break
            unit = read_unit(path, start, 0, position)
            missing = unit.offset + unit.n_bytes - size
            if missing > 0:
                raise InputError(f"{path}: truncated, {missing} bytes of HDU {len(units)} are missing; {FETCH_AGAIN}")
            units.append(unit)
            position = unit.offset - (-unit.n_bytes // BLOCK) * BLOCK
        return FitsFile(path, tuple(units), content)


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into one `InputError` that names it."""
    try:
        yield
    except InputError:
        raise
    except EOFError as error:
        raise InputError(f"{path}: truncated, the compressed stream does not end; {FETCH_AGAIN}") from error
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())[:120]
        more = "" if error.strerror else f"is not a readable FITS file ({reason}); {FETCH_AGAIN}"
        raise InputError(f"{path}: {more or f'cannot be read ({reason})'}") from error
    except _PROBLEMS as error:
        raise InputError(f"{path}: is not a readable FITS file ({' '.join(str(error).split())[:120]}); {FETCH_AGAIN}") from error
