"""Tile-compressed images that claim, hide or promise too much."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import partial

import numpy as np
from astropy.io import fits

from hostile.cards import set_cards
from hostile.case import Case
from support.small import Kit

FLAT = "master_flat_VIS.fits.fz"


def cases() -> Iterator[Case]:
    """All of them."""
    for algorithm in ("GZIP_1", "RICE_1"):
        for name, (cards, says) in CLAIMS.items():
            yield Case(name=f"tiles: {name} ({algorithm})", spoil=partial(_claim, algorithm=algorithm, cards=cards), says=says, names=FLAT)
        yield Case(
            name=f"tiles: cut short ({algorithm})", spoil=partial(_cut, algorithm=algorithm), says="truncated|corrupt|outside", names=FLAT
        )
        yield Case(name=f"tiles: noise ({algorithm})", spoil=partial(_noisy, algorithm=algorithm), says="", status=(0, 2), slow=True)
    for name in ("HCOMPRESS_1", "PLIO_1"):
        yield Case(
            name=f"tiles: {name}", spoil=partial(_claim, algorithm="GZIP_1", cards={"ZCMPTYPE": f"'{name}'"}), says="ZCMPTYPE", names=FLAT
        )
    yield Case(name="tiles: a bomb in a tile", spoil=_tile_bomb, says="unpacks to more than", names=FLAT)
    yield Case(name="tiles: an image of ten gigapixels", spoil=_gigapixels, says="larger than any", names=FLAT)
    yield Case(
        name="a plain image of ten gigapixels in a sparse file",
        spoil=_sparse,
        says="larger than any|truncated",
        names="master_flat_VIS.fits",
    )


def _packed(kit: Kit, algorithm: str) -> str:
    """Replace the flat by a tile-compressed one."""
    path = kit.files["flat"]
    with fits.open(path) as hdus:
        data = np.rint(1000 * hdus[0].data).astype(np.int16)
        tiles = fits.CompImageHDU(data, hdus[0].header, name="FLUX", compression_type=algorithm, tile_shape=(10, data.shape[1]))
        fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path.with_name(FLAT))
    path.unlink()
    kit.write_sof("flat", extra=(path.with_name(FLAT),))
    return str(path.with_name(FLAT))


def _claim(kit: Kit, *, algorithm: str, cards: dict[str, str | None]) -> None:
    _packed(kit, algorithm)
    set_cards(kit.folder / FLAT, hdu=1, **cards)


def _cut(kit: Kit, *, algorithm: str) -> None:
    _packed(kit, algorithm)
    path = kit.folder / FLAT
    path.write_bytes(path.read_bytes()[: -2880 * 3])


def _noisy(kit: Kit, *, algorithm: str) -> None:
    """Noise in the place of the compressed tiles."""
    _packed(kit, algorithm)
    path = kit.folder / FLAT
    content = bytearray(path.read_bytes())
    content[-30_000:-3000] = np.random.default_rng(2).bytes(27_000)
    path.write_bytes(bytes(content))


def _tile_bomb(kit: Kit) -> None:
    """One tile of a gigabyte behind a header of 90 x 600 pixels."""
    bomb = gzip.compress(bytes(1 << 26), 9)
    column = fits.Column("COMPRESSED_DATA", "1PB()", array=np.array([np.frombuffer(bomb, np.uint8)] * 2, dtype=object))
    table = fits.BinTableHDU.from_columns([column])
    with fits.open(kit.files["flat"]) as hdus:
        kept = [card for card in hdus[0].header.cards if card.keyword.startswith(("ESO", "INSTRUME", "EXPTIME", "SXSPRE"))]
    for card in kept:
        table.header.append(("HIERARCH " + card.keyword if " " in card.keyword else card.keyword, card.value))
    for keyword, value in (
        ("ZIMAGE", True), ("ZCMPTYPE", "GZIP_1"), ("ZBITPIX", -32), ("ZNAXIS", 2), ("ZNAXIS1", 90), ("ZNAXIS2", 600), ("ZTILE1", 90), ("ZTILE2", 300),
    ):  # fmt: skip
        table.header[keyword] = value
    kit.files["flat"].unlink()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(kit.folder / FLAT)
    kit.write_sof("flat", extra=(kit.folder / FLAT,))


def _gigapixels(kit: Kit) -> None:
    _packed(kit, "RICE_1")
    set_cards(kit.folder / FLAT, hdu=1, ZNAXIS1="100000", ZNAXIS2="100000", ZTILE1="100000", ZTILE2="1")


def _sparse(kit: Kit) -> None:
    """The header claims forty gigabytes, and a file of that length is there."""
    path = set_cards(kit.own("flat"), NAXIS1="100000", NAXIS2="100000")
    with path.open("r+b") as stream:
        stream.truncate(40_000_000_000)


CLAIMS: dict[str, tuple[dict[str, str | None], str]] = {
    "an unknown algorithm": ({"ZCMPTYPE": "'LZMA'"}, "ZCMPTYPE"),
    "no algorithm": ({"ZCMPTYPE": None}, "ZCMPTYPE"),
    "ZNAXIS1 of 10^6": ({"ZNAXIS1": "1000000"}, "larger than any|ZTILE|ZNAXIS1"),
    "ZNAXIS2 of 10^12": ({"ZNAXIS2": "1000000000000"}, "ZNAXIS2"),
    "ZNAXIS2 below 0": ({"ZNAXIS2": "-600"}, "ZNAXIS2"),
    "ZNAXIS of 9": ({"ZNAXIS": "9"}, "ZNAXIS"),
    "no ZNAXIS1": ({"ZNAXIS1": None}, "ZNAXIS1"),
    "ZNAXIS2 too small": ({"ZNAXIS2": "590"}, "NAXIS1|unpack|corrupt"),
    "ZBITPIX of 10^6": ({"ZBITPIX": "1000000"}, "ZBITPIX"),
    "ZBITPIX of text": ({"ZBITPIX": "'wide'"}, "ZBITPIX"),
    "a tile of no width": ({"ZTILE1": "0"}, "ZTILE"),
    "a tile larger than the image": ({"ZTILE1": "100000"}, "ZTILE"),
    "a tile as text": ({"ZTILE2": "'ten'"}, "ZTILE"),
    "no columns": ({"TFIELDS": "0"}, "NAXIS1|TFIELDS|corrupt"),
    "a column that is none": ({"TFORM1": "'1Z'"}, "TFORM1"),
    "THEAP far away": ({"THEAP": "1000000000"}, "outside|corrupt|THEAP|truncated"),
    "THEAP below 0": ({"THEAP": "-1"}, "outside|corrupt|THEAP|truncated"),
    "another name of the column": ({"TTYPE1": "'OTHER'"}, "corrupt|column|COMPRESSED_DATA"),
}
