"""Random damage: whatever is read, the only errors are those that name what is wrong.

Each fuzzer has a small share in the quick suite and a large one in the slow suite.
"""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile.files import ROLES
from soxspipe.errors import InputError, SettingsError, SoxspipeError
from soxspipe.io.classify import classify
from soxspipe.io.fits import open_fits, read_header
from soxspipe.io.fits_columns import read_table
from soxspipe.io.fits_pixels import read_image
from soxspipe.io.sof import resolve_inputs
from soxspipe.reductions.progress import StepTimer
from soxspipe.reductions.stare.gather import gather
from soxspipe.reductions.stare.reduce import reduce_stare
from soxspipe.settings.load import load_settings
from soxspipe.settings.published_names import leaves
from soxspipe.settings.yaml_text import parse_yaml
from support.small import Kit, small_detectors

LONGEST_S = 30.0
Damage = list[tuple[int, bytes]]


@dataclass(frozen=True)
class Fuzzer:
    """A function of the set and of what is drawn, and how many examples it gets in the quick and in the slow suite."""

    use: Callable[..., None]
    drawn: dict[str, st.SearchStrategy[Any]]
    quick: int
    slow: int


FUZZERS: dict[str, Fuzzer] = {}


def fuzz(quick: int, slow: int, **drawn: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a fuzzer under its function's name."""

    def registered(function: Callable[..., None]) -> Callable[..., None]:
        FUZZERS[function.__name__] = Fuzzer(function, drawn, quick, slow)
        return function

    return registered


def refusal(
    kinds: type[Exception] | tuple[type[Exception], ...], function: Callable[..., Any], *arguments: Any, **options: Any
) -> str | None:
    """Message of the error that the call raises, which must be one of the kinds given; None if it raises none."""
    try:
        function(*arguments, **options)
    except kinds as error:
        return str(error)
    return None


@pytest.fixture(scope="module")
def fuzz_kit(small_kit, tmp_path_factory) -> Iterator[Kit]:
    """A set whose files may be replaced, and are put back."""
    kit = small_kit().copy(tmp_path_factory.mktemp("fuzz") / "set")
    with small_detectors():
        yield kit


damage = st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=5)
digits = st.text("0123456789.-+ETF' /=", min_size=1, max_size=12).map(lambda text: text.encode())
damage_of_cards = st.lists(st.tuples(st.integers(0, 2**32 - 1), digits | st.binary(min_size=1, max_size=20)), min_size=1, max_size=4)


def damaged(content: bytes, changes: Damage, limit: int | None = None) -> bytes:
    """The content with bytes replaced, within the first `limit` bytes."""
    spoiled = bytearray(content)
    for place, new in changes:
        start = place % min(len(content), limit or len(content))
        spoiled[start : start + len(new)] = new
    return bytes(spoiled[: len(content)])


def with_cards(content: bytes, changes: Damage) -> bytes:
    """The content with values of cards replaced, in whichever header."""
    spoiled = bytearray(content)
    starts = [
        place
        for place in range(0, len(content) - 80, 80)
        if content[place + 8 : place + 10] == b"= " or content[place : place + 8] == b"HIERARCH"
    ]
    for place, new in changes:
        start = starts[place % len(starts)]
        at = start + (content[start : start + 80].find(b"=") + 1)
        spoiled[at : start + 80] = (b" " + new).ljust(start + 80 - at)[: start + 80 - at]
    return bytes(spoiled)


def read_everything(path: Path) -> None:
    """Read all that a FITS file holds."""
    classify(path, read_header(path))
    opened = open_fits(path)
    for hdu in opened.images:
        read_image(opened, hdu)
    for hdu in opened.tables:
        read_table(opened, hdu)


def check_reading(path: Path, content: bytes, cut: int | None = None) -> None:
    """Either all of the file can be read, or an `InputError` names it."""
    path.write_bytes(content if cut is None else content[: cut % len(content)])
    said = refusal(InputError, read_everything, path)
    assert said is None or (path.name in said and len(said) < 1000)


# ----- text


@fuzz(
    60,
    3000,
    lines=st.lists(
        st.binary(max_size=60) | st.sampled_from([b"a.fits TAG", b"# x", b"../b.fits.gz\tT", b"~x/c.FITS", b"/d.fits.Z"]), max_size=8
    ),
)
def sets_of_files(kit, lines):
    sof = kit.folder / "fuzz.sof"
    sof.write_bytes(b"\n".join(lines))
    said = refusal(InputError, resolve_inputs, str(sof))
    assert said is None or "fuzz.sof" in said


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates() | st.binary(max_size=5)
keys = st.sampled_from([leaf.spelling for leaf in leaves()] + [leaf.block for leaf in leaves()] + ["vis", "soxs-stare", "soxs-response"])
contents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | scalars, inner, max_size=4), max_leaves=12
)


@fuzz(100, 5000, content=st.dictionaries(keys | scalars, contents, max_size=5))
def settings_as_mappings(kit, content):
    said = refusal(SettingsError, load_settings, content, instrument="SOXS", recipe="soxs-stare", arm="VIS")
    assert said is None or "\n" not in said


yaml_words = st.sampled_from(
    [
        "use_flat",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!!python/name:os ",
        "!x ",
        "? ",
        "| ",
        "<<",
        "'",
        '"',
        "#",
        "1e9",
        "\t",
        "---\n",
        "%YAML 9\n",
        "~",
        "0x",
        ".inf",
    ]
)


@fuzz(150, 5000, text=st.lists(yaml_words | st.text(max_size=4), max_size=20).map("".join))
def settings_as_text(kit, text):
    said = refusal(SettingsError, parse_yaml, text, "mine.yaml")
    assert said is None or ("mine.yaml" in said and "\n" not in said)


# ----- files


@fuzz(60, 3000, role=st.sampled_from(ROLES), changes=damage_of_cards, whole=st.booleans())
def headers(kit, role, changes, whole):
    content = kit.files[role].read_bytes()
    check_reading(kit.folder / "fuzzed.fits", with_cards(content, changes) if whole else damaged(content, changes, limit=2880 * 2))


@fuzz(60, 3000, role=st.sampled_from(["order_table", "disp_table"]), changes=damage, cut=st.integers(0, 10**9) | st.none())
def tables(kit, role, changes, cut):
    check_reading(kit.folder / "fuzzed.fits", damaged(kit.files[role].read_bytes(), changes), cut)


@fuzz(30, 1000, changes=damage, form=st.sampled_from([".gz", ".Z", ".fz"]), cut=st.integers(0, 10**9) | st.none())
def packed_files(kit, changes, form, cut):
    check_reading(kit.folder / f"fuzzed.fits{form}", damaged(packed(kit, form), changes), cut)


_packed: dict[tuple[Path, str], bytes] = {}


def packed(kit: Kit, form: str) -> bytes:
    """A file of the set, packed."""
    if (kit.folder, form) not in _packed:
        import gzip

        from support.lzw import compress

        table = kit.files["order_table"].read_bytes()
        if form == ".fz":
            path = kit.folder / "packed.fits.fz"
            with fits.open(kit.files["raw0"]) as hdus:
                tiles = fits.CompImageHDU(hdus[0].data, hdus[0].header, compression_type="RICE_1")
                fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path)
            _packed[kit.folder, form] = path.read_bytes()
            path.unlink()
        else:
            _packed[kit.folder, form] = gzip.compress(table, 6) if form == ".gz" else compress(table)
    return _packed[kit.folder, form]


@fuzz(60, 3000, content=st.binary(max_size=400), bits=st.integers(0, 255))
def lzw(kit, content, bits):
    check_reading(kit.folder / "fuzzed.fits.Z", b"\x1f\x9d" + bytes([bits]) + content)


# ----- sets


def check_gathering(kit: Kit) -> None:
    """Either the set can be gathered, or one line says what is wrong."""
    said = refusal(SoxspipeError, gather, str(kit.sof), {"make_plots": False})
    assert said is None or "\n" not in said


def with_file(kit: Kit, role: str, content: bytes, use: Callable[[], None]) -> None:
    """Use the set with other bytes in one of its files, then put the file back."""
    path, kept = kit.files[role], kit.folder / "kept"
    path.rename(kept)
    try:
        path.write_bytes(content)
        use()
    finally:
        path.unlink()
        shutil.move(kept, path)


@fuzz(40, 1500, role=st.sampled_from(ROLES), changes=damage_of_cards, anywhere=damage, cards=st.booleans())
def whole_sets(kit, role, changes, anywhere, cards):
    content = kit.files[role].read_bytes()
    content = with_cards(content, changes) if cards else damaged(content, anywhere)
    with_file(kit, role, content, lambda: check_gathering(kit))


levels = st.sampled_from([0.0, -1.0, 1.0, 1e-30, 1e12, -1e12, 3.4e38, np.nan, np.inf, -np.inf, 65535.0, 1000.0])
rectangles = st.lists(st.tuples(*[st.floats(0, 1)] * 4, levels, st.sampled_from(["set", "add", "times", "noise"])), min_size=1, max_size=4)


def painted(image: np.ndarray, strokes: list[tuple[float, float, float, float, float, str]]) -> np.ndarray:
    """The image with rectangles of other values in it."""
    result, rng = image.astype(np.float32), np.random.default_rng(5)
    for y0, y1, x0, x1, level, how in strokes:
        rows, columns = (slice(*sorted((int(a * n), int(b * n) + 1))) for a, b, n in ((y0, y1, image.shape[0]), (x0, x1, image.shape[1])))
        part = result[rows, columns]
        with np.errstate(all="ignore"):
            scatter = np.clip(level, -1e30, 1e30) if np.isfinite(level) else 1.0
            changed = {
                "set": part * 0 + level,
                "add": part + level,
                "times": part * level,
                "noise": part + scatter * rng.normal(size=part.shape),
            }[how]
        result[rows, columns] = changed
    return result


@fuzz(8, 1500, role=st.sampled_from(["raw0", "bias", "flat", "disp_image"]), hdu=st.integers(0, 2), strokes=rectangles)
def whole_reductions(kit, role, hdu, strokes):
    spoiled = kit.folder / "painted"
    with fits.open(kit.files[role]) as hdus:
        image = hdus[hdu if role == "disp_image" else 0]
        for keyword in ("BZERO", "BSCALE"):
            image.header.remove(keyword, ignore_missing=True)
        image.data = painted(image.data, strokes)
        hdus.writeto(spoiled, overwrite=True)
    with_file(kit, role, spoiled.read_bytes(), lambda: check_reduction(kit))


def check_reduction(kit: Kit) -> None:
    """Either the set can be reduced to finite numbers in time, or one error says why not."""

    def reduced() -> None:
        gathered = gather(str(kit.sof), {"make_plots": False})
        result = reduce_stare(gathered.inputs, gathered.settings, StepTimer())
        merged = result.merged
        assert all(np.all(np.isfinite(values)) for values in (merged.wavelength_nm, merged.flux, merged.variance, merged.density))
        assert not np.any(merged.variance < 0)

    began = time.process_time()  # a machine at work on other things as well stretches the other clock
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert refusal((SoxspipeError, np.linalg.LinAlgError), reduced) != ""  # the recipe names both
    assert time.process_time() - began < LONGEST_S


# ----- all of them

LIMITS = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("name", FUZZERS)
@pytest.mark.parametrize("share", ["few", pytest.param("many", marks=pytest.mark.slow)])
def test_random_damage_is_read_or_named(share, name, fuzz_kit):
    fuzzer = FUZZERS[name]

    @settings(max_examples=fuzzer.quick if share == "few" else fuzzer.slow, **LIMITS)
    @given(st.fixed_dictionaries(fuzzer.drawn))
    def run(drawn):
        fuzzer.use(fuzz_kit, **drawn)

    run()


FOUND = {
    "half of the wavelengths are 0": ("disp_image", 0, [(0.5, 0.0, 0.0, 1.0, 0.0, "set")]),
    "a stub of an order is left": ("disp_image", 0, [(0.0, 0.9140625, 0.0, 1.0, 0.0, "set")]),
    "a corner of the order is left": ("disp_image", 0, [(0.8631660179468803, 0.0, 0.8631660179468803, 0.0, 0.0, "set")]),
    "a row of wavelengths far away": ("disp_image", 0, [(0.8792, 0.8792, 0.2, 0.387, 1000.0, "add")]),
    "wavelengths of noise": (
        "disp_image",
        0,
        [(0.787, 0.768, 0.563, 0.874, 65535.0, "noise"), (0.663, 0.342, 0.583, 0.563, np.nan, "noise")],
    ),
    "a slit position that stands still": ("disp_image", 1, [(0.0, 0.0, 0.0, 0.9064, 0.0, "set")]),
    "slit positions of 0 beside the trace": ("disp_image", 1, [(0.0, 0.0, 0.8998, 0.2261, 0.0, "set")]),
    "orders of noise": ("disp_image", 2, [(0.342, 0.969, 0.159, 0.6946, 1.0, "noise")] * 2),
    "another order in part of the image": ("disp_image", 2, [(0.0, 0.45, 0.2244, 0.4225, 1.0, "set"), (0.0, 0.0, 0.0792, 1.0, 1.0, "set")]),
    "light at the end of what is left of the slit": ("bias", 0, [(0.0, 1.0, 0.75, 0.25, -1e12, "set")]),
    "some rows are not saturated": ("raw0", 0, [(0.0, 0.96875, 0.0, 1.0, 1e12, "set")]),
    "raw counts of -10^12": ("raw0", 0, [(0.211, 0.0, 0.28, 1.0, -1e12, "set"), (0.951, 0.234, 0.956, 0.0, 65535.0, "add")]),
    "raw counts beyond float32": ("raw0", 0, [(0.0, 0.651, 0.0, 0.4535, 3.4e38, "noise"), (0.944, 0.336, 0.906, 0.0, 1000.0, "times")]),
}
"""What the fuzzer of whole reductions has found."""


@pytest.mark.parametrize("name", FOUND)
def test_damage_that_broke_the_reduction_once(name, fuzz_kit):
    role, hdu, strokes = FOUND[name]
    whole_reductions(fuzz_kit, role, hdu, strokes)
