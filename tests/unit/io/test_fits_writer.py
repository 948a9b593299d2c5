"""The bytes we write are FITS: astropy reads back what was given, and the checksums hold."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from soxspipe.io.fits_writer import Column, Hdu, card_text, checksum_text, fits_chunks, fold, format_card, printable, table_hdu


def written(tmp_path, *hdus):
    path = tmp_path / "file.fits"
    path.write_bytes(b"".join(bytes(chunk) for chunk in fits_chunks(hdus)))
    return path


def test_images_come_back_with_valid_checksums(tmp_path):
    rng = np.random.default_rng(3)
    image = rng.normal(size=(37, 53))
    flags = rng.integers(0, 255, size=(37, 53)).astype(np.uint8)
    path = written(tmp_path, Hdu(name="FLUX", data=image), Hdu(name="QUAL", data=flags), Hdu(name="ERRS", data=image.astype(np.float32)))
    assert path.stat().st_size % 2880 == 0
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["FLUX", "QUAL", "ERRS"]
        np.testing.assert_array_equal(hdus["FLUX"].data, image)
        np.testing.assert_array_equal(hdus["ERRS"].data, image.astype(np.float32))
        assert [hdu.header["BITPIX"] for hdu in hdus] == [-64, 8, -32]
        np.testing.assert_array_equal(hdus["QUAL"].data, flags)
        assert hdus["QUAL"].data.dtype == np.uint8


def test_a_changed_byte_breaks_the_checksum(tmp_path):
    path = written(tmp_path, Hdu(data=np.ones((20, 20))))
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    with pytest.warns(AstropyUserWarning, match="sum verification failed"), fits.open(path, checksum=True) as hdus:
        assert hdus[0].data is not None


def test_table_columns_keep_type_unit_and_shape(tmp_path):
    columns = [
        Column(name="d", values=np.array([1.5, -2.0]), unit="nm"),
        Column(name="e", values=np.array([1.5, np.nan], dtype=np.float32)),
        Column(name="k", values=np.array([2**40, -1])),
        Column(name="j", values=np.array([7, 8], dtype=np.int32)),
        Column(name="l", values=np.array([True, False])),
        Column(name="a", values=np.array(["u", "long"])),
        Column(name="vector", values=np.arange(6.0).reshape(2, 3), extra=(("TUCD", "em.wl"),)),
    ]
    path = written(tmp_path, Hdu(), table_hdu("T", columns))
    with fits.open(path, checksum=True) as hdus:
        table = hdus["T"].data
        assert [column.format for column in hdus["T"].columns] == ["D", "E", "K", "J", "L", "4A", "3D"]
        assert hdus["T"].header["TUCD7"] == "em.wl"
        assert hdus["T"].header["TUNIT1"] == "nm"
        for column in columns[:4]:
            np.testing.assert_array_equal(table[column.name], column.values)
        assert table["l"].tolist() == [True, False]
        assert table["a"].tolist() == ["u", "long"]
        np.testing.assert_array_equal(table["vector"], columns[-1].values)


@pytest.mark.parametrize(
    ("hdus", "message"),
    [
        ([table_hdu("T", [Column(name="a", values=np.ones(2))])], "primary"),
        ([Hdu(), table_hdu("T", [Column(name="a", values=np.ones(2)), Column(name="b", values=np.ones(3))])], "length"),
        ([Hdu(data=np.ones((2, 2), dtype=complex))], "complex"),
        ([Hdu(), table_hdu("T", [Column(name="a", values=np.ones(2, dtype=complex))])], "complex"),
    ],
)
def test_what_fits_cannot_hold_is_refused(hdus, message):
    with pytest.raises(ValueError, match=message):
        list(fits_chunks(hdus))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("OBJECT", "it's"),
        ("OBJECT", "''"),
        ("EXPTIME", 1e-17),
        ("EXPTIME", 300.0),
        ("NCOMBINE", 3),
        ("FLAG", True),
        ("ESO PRO REC1 RAW1 NAME", "SOXS_" + "x'" * 90),
        ("OBJECT", "y" * 200),
        ("ESO QC SNR MEDIAN O24", 12.5),
    ],
)
def test_cards_read_back(keyword, value):
    text = format_card(keyword, value, "a comment that is somewhat longer than there is room for on the card itself")
    assert len(text) == 80
    header = fits.Header.fromstring(text)
    assert header[keyword] == (card_text(keyword, value) if isinstance(value, str) else value)


def test_text_longer_than_a_card_is_shortened_and_kept_distinct():
    first, second = ("x" * 100 + end for end in "ab")
    shown = [card_text("OBJECT", text) for text in (first, second)]
    assert [len(text) for text in shown] == [68, 68]
    assert shown[0] != shown[1]
    assert all(text.startswith("x" * 61 + "~") for text in shown)
    assert card_text("OBJECT", "y" * 68) == "y" * 68
    assert len(card_text("ESO " + "K" * 50, "z" * 30)) <= 12
    assert len(card_text("OBJECT", "'" * 50).replace("'", "''")) <= 68


def test_shortened_text_stands_in_full_in_a_table(tmp_path):
    long = "q" * 120
    path = tmp_path / "a.fits"
    path.write_bytes(
        b"".join(fits_chunks([Hdu(cards=(("OBJECT", long, ""), ("COMMENT", long, ""))), Hdu(name="B", cards=(("ESO X Y", long, ""),))]))
    )
    with fits.open(path, checksum=True) as hdus:
        table = hdus["LONG_VALUES"].data
        assert table["HDU"].tolist() == [0, 1]
        assert table["KEYWORD"].tolist() == ["OBJECT", "ESO X Y"]
        assert table["VALUE"].tolist() == [long, long]
    assert len(list(fits_chunks([Hdu(cards=(("OBJECT", long, ""),))], long_values=False))) == 1


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_fits_does_not_know_is_left_out(value):
    assert fits.Header.fromstring(format_card("ESO QC X", value))["ESO QC X"] is None


def test_hostile_strings_become_printable_ascii():
    text = format_card("OB\nJECT", "a\x00b\x1b[31mc\u00e9\r\nEND", "com\x07ment")
    assert printable(text) == text
    assert "\x1b" not in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fits.Header.fromstring(text)["OB_JECT"].startswith("a?b?[31mc?")


def test_ones_complement_sum_folds_and_encodes():
    assert fold(0x1_0000_0001) == 2
    assert checksum_text(0xFFFFFFFF) == "0" * 16
    assert all(character.isalnum() for character in checksum_text(868229149))
    assert checksum_text(868229149) == "hcHjjc9ghcEghc9g"  # the worked example of the FITS checksum convention
