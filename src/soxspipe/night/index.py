"""The index of a night: headers of all its files as rows, kept in one SQLite file.

The file only saves time.  A row holds while path, size and time of the file are the same; without the file everything is read again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

from soxspipe.errors import InputError, MissingInputError
from soxspipe.io.fits import read_header
from soxspipe.io.fits_header import Header
from soxspipe.io.packed import FITS_SUFFIX, packing_of
from soxspipe.night.frame_row import FIELDS, FrameRow, row_of, unreadable_row

INDEX_NAME = ".soxspipe-index.sqlite"
EXPORTED = "exported"
"""Where `soxspipe raw sof` copies raw frames to."""
PRODUCT_FOLDERS = ("reduced", "qc", "sof", EXPORTED)
"""Below the folder of products; never searched for input."""

LAYOUT = 1
"""Raised when the meaning of a column changes, so that old rows are read again."""

BUSY_S = 30.0
"""How long to wait while another run writes to the index."""

BLOCK, CARD = 2880, 80
"""Of the FITS standard."""

Seen = Callable[[int, int], None]
"""Called with the number of headers read so far, and of all that must be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A file of the folder: absolute path, bytes, time of the last change."""

    path: str
    size: int
    mtime_ns: int

    @property
    def state(self) -> tuple[int, int]:
        """What must be the same for a cached row to hold."""
        return self.size, self.mtime_ns


@dataclass(slots=True)
class Index:
    """The rows of a folder's files, and checksums that were computed before.

    Attributes
    ----------
    file : Path
        Of the cache.
    """

    file: Path
    _known: dict[str, FrameRow] = field(default_factory=dict)

    def rows(self, folder: Path, output: Path, seen: Seen | None = None) -> tuple[FrameRow, ...]:
        """One row for every FITS file below a folder.

        Parameters
        ----------
        folder : Path
            Searched with everything below it; hidden files and the products of `output` are left out.
        output : Path
            Folder of products.
        seen : callable, optional
            Hears of progress.

        Returns
        -------
        tuple of FrameRow
            In the order of their paths.

        Raises
        ------
        MissingInputError
            If the folder does not exist.
        """
        return self.rows_of(find_files(folder, output), folder, seen)

    def rows_of(self, found: Sequence[FoundFile], folder: Path, seen: Seen | None = None) -> tuple[FrameRow, ...]:
        """One row for each of some files; rows of other files below the folder are forgotten."""
        self._load()
        new = [file for file in found if not _holds(self._known.get(file.path), file)]
        for number, file in enumerate(new, start=1):
            self._known[file.path] = read_row(file)
            if seen is not None:
                seen(number, len(new))
        present = {file.path for file in found}
        gone = [path for path in self._known if path not in present and path.startswith(f"{folder.absolute()}{os.sep}")]
        for path in gone:
            del self._known[path]
        if new or gone:
            self._save([self._known[file.path] for file in new], gone)
        return tuple(self._known[file.path] for file in found)

    def known_checksums(self) -> dict[str, tuple[int, int, str]]:
        """Size, time and MD5 of files whose checksum was computed before, by path."""
        with self._open() as base:
            return {path: (size, mtime, md5) for path, size, mtime, md5 in base.execute("SELECT * FROM checksums")}

    def remember_checksums(self, entries: Sequence[tuple[str, int, int, str]]) -> None:
        """Keep checksums: path, size, time and MD5; not on a disk that is full, where they are computed again."""
        if entries:
            with suppress(sqlite3.Error), self._open() as base:
                base.executemany("INSERT OR REPLACE INTO checksums VALUES (?, ?, ?, ?)", entries)

    def _load(self) -> None:
        if self._known:
            return
        with self._open() as base:
            for values in base.execute(f"SELECT {', '.join(FIELDS)} FROM frames"):
                row = dict(zip(FIELDS, values, strict=True))
                row["software_lamp"] = bool(row["software_lamp"])
                self._known[row["path"]] = FrameRow(**row)

    def _save(self, rows: Sequence[FrameRow], gone: Sequence[str]) -> None:
        """Write new rows; on a disk that is full, headers are read again next time."""
        marks = ", ".join("?" * len(FIELDS))
        with suppress(sqlite3.Error), self._open() as base:
            base.executemany(f"INSERT OR REPLACE INTO frames VALUES ({marks})", [astuple(row) for row in rows])
            base.executemany("DELETE FROM frames WHERE path = ?", [(path,) for path in gone])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The database; one in memory where the file cannot be used, so that a read-only folder only costs time."""
        with closing(self._connection()) as base, base:
            yield base

    def _connection(self) -> sqlite3.Connection:
        for attempt in (1, 2):
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                base = sqlite3.connect(self.file, timeout=BUSY_S)
                _make_tables(base)
                return base
            except (sqlite3.Error, OSError):
                if attempt == 1:  # damaged, or of another layout: it is only a cache
                    with suppress(OSError):
                        self.file.unlink(missing_ok=True)
        base = sqlite3.connect(":memory:")
        _make_tables(base)
        return base


def open_index(output: Path) -> Index:
    """The index in a folder of products."""
    return Index(output / INDEX_NAME)


def find_files(folder: Path, output: Path) -> tuple[FoundFile, ...]:
    """Every FITS file below a folder, in the order of paths.

    Raises
    ------
    MissingInputError
        If the folder does not exist.
    """
    if not folder.is_dir():
        raise MissingInputError(f"{folder}: {'is not a folder' if folder.exists() else 'does not exist'}")
    skipped = {os.path.abspath(output / name) for name in PRODUCT_FOLDERS}
    return tuple(sorted(_walk(os.path.abspath(folder), skipped), key=lambda file: file.path))


def read_row(file: FoundFile) -> FrameRow:
    """Read the header of one file; what is wrong with it becomes the row's `problem`."""
    path = Path(file.path)
    try:
        header = read_header(path)
        row = row_of(path, file.size, file.mtime_ns, header)
    except InputError as error:
        return unreadable_row(path, file.size, file.mtime_ns, str(error).removeprefix(f"{path}: "))
    missing = 0 if packing_of(path) else least_size(header) - file.size
    return replace(row, problem=f"truncated: at least {missing} bytes are missing") if missing > 0 else row


def least_size(header: Header) -> int:
    """Bytes that a plain file must have at least for its first unit to be whole."""
    n_axes = header.get("NAXIS", 0)
    if not isinstance(n_axes, int) or not 0 < n_axes < 10:
        return 0
    sizes = [header.get(f"NAXIS{axis}", 0) for axis in range(1, n_axes + 1)]
    bits = header.get("BITPIX", 8)
    if not all(isinstance(size, int) and size >= 0 for size in (*sizes, abs(bits) if isinstance(bits, int) else -1)):
        return 0
    pixels = 1
    for size in sizes:
        pixels *= size
    return _whole_blocks(len(header.cards) * CARD) + _whole_blocks(pixels * abs(bits) // 8)


def _whole_blocks(n_bytes: int) -> int:
    return -(-n_bytes // BLOCK) * BLOCK


def _holds(row: FrameRow | None, file: FoundFile) -> bool:
    return row is not None and (row.size, row.mtime_ns) == file.state


def _walk(folder: str, skipped: set[str]) -> Iterator[FoundFile]:
    """FITS files below a folder; a folder that may not be read is passed over."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.path not in skipped:
                    yield from _walk(entry.path, skipped)
            elif FITS_SUFFIX.search(entry.name) and entry.is_file():
                status = entry.stat()
                yield FoundFile(path=entry.path, size=status.st_size, mtime_ns=status.st_mtime_ns)
        except OSError:
            continue  # gone since the folder was listed


def _make_tables(base: sqlite3.Connection) -> None:
    """Create the tables.

    Raises
    ------
    sqlite3.DatabaseError
        If the file is not a database, or its tables are of another layout.
    """
    columns = ["path PRIMARY KEY", *FIELDS[1:]]
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if version not in (0, LAYOUT):
        raise sqlite3.DatabaseError("another layout")
    with base:
        base.execute(f"CREATE TABLE IF NOT EXISTS frames ({', '.join(columns)}) WITHOUT ROWID")
        base.execute("CREATE TABLE IF NOT EXISTS checksums (path PRIMARY KEY, size, mtime_ns, md5) WITHOUT ROWID")
        if version == 0:
            base.execute(f"PRAGMA user_version = {LAYOUT}")
    if tuple(name for _, name, *_ in base.execute("PRAGMA table_info(frames)")) != FIELDS:
        raise sqlite3.DatabaseError("another layout")
