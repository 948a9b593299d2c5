"""A set of simulated frames with its truth, of which some files are replaced by edited copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from scipy.ndimage import shift

from soxspipe.io.simulated import read_truth
from soxspipe.simulate.simulation import Truth

Image: TypeAlias = npt.NDArray[np.float64]
SCIENCE_AREA = {"NIR": np.s_[4:2044, 4:2044], "VIS": np.s_[:, 50:858]}
"""Rows and columns of a raw frame that hold light; both arms' frames stand as their products do."""
LIT = 0.02
"""Below this flat nothing is delivered, so that the truth counts no light there (`soxspipe.simulate.score`)."""
WHOLE = 0.8
"""Of the brightest flat of a row: below it, the outermost pixels are cut by the slit's end; flats change along the slit by some per cent."""
FULL = 65535
"""Of the converter, ADU."""


@dataclass(slots=True, kw_only=True)
class FrameSet:
    """Files of one observation, by the tags of their set-of-files; edits replace a file, never change the original.

    Attributes
    ----------
    folder : Path
        Where edited copies go.
    entries : list of (Path, str)
        Files and tags.
    truth : Truth
        Of the frames as they are now: an edit that changes the target's light changes it here too.
    rng : Generator
        Noise of what edits add.
    """

    folder: Path
    entries: list[tuple[Path, str]]
    truth: Truth
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(4711))

    @classmethod
    def read(cls, source: Path, folder: Path) -> FrameSet:
        """The set whose one SOF and truth lie in a folder; response tables are left out, since they play no part in electrons."""
        lines = next(source.glob("*.sof")).read_text(encoding="utf-8").splitlines()
        entries = [(Path(line.split()[0]), line.split()[1]) for line in lines if line.strip() and "RESP_TAB" not in line]
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder=folder, entries=entries, truth=read_truth(source / "truth.fits"))

    @property
    def arm(self) -> str:
        """NIR or VIS."""
        return str(self.truth.header["ARM"])

    @property
    def standard(self) -> bool:
        """Whether the target is a flux standard."""
        return any(tag.startswith("STD") for _, tag in self.entries)

    @property
    def along(self) -> int:
        """Image axis of the dispersion."""
        return 1 if self.truth.header["DISPAX"] == "x" else 0

    @property
    def middle_order(self) -> int:
        """An order with much light, off the ends of the arm."""
        return {"NIR": 15, "VIS": 4}[self.arm]

    @property
    def raw(self) -> list[Path]:
        """The exposures."""
        return [path for path, tag in self.entries if tag.startswith(("OBJECT", "STD"))]

    def of(self, tag: str) -> Path:
        """The one file of a tag, told by how it begins."""
        return next(path for path, its in self.entries if its.startswith(tag))

    @property
    def darkness(self) -> Path:
        """The master that is subtracted: dark (NIR) or bias."""
        return self.of("MASTER_DARK" if self.arm == "NIR" else "MASTER_BIAS")

    def put(self, old: Path, new: Path) -> None:
        """Let a file stand for another one."""
        self.entries = [(new if path == old else path, tag) for path, tag in self.entries]

    def sof(self) -> Path:
        """Write the set-of-files."""
        path = self.folder / "set.sof"
        path.write_text("".join(f"{file} {tag}\n" for file, tag in self.entries), encoding="utf-8")
        return path

    def rewrite(self, path: Path, change: Callable[[fits.HDUList], None], name: str | None = None) -> Path:
        """Copy of a file after a change, which then stands in its place."""
        new = self.folder / (name or path.name)
        with fits.open(path, memmap=False) as hdus:
            change(hdus)
            hdus.writeto(new, overwrite=True, output_verify="ignore")
        self.put(path, new)
        return new

    def cards(self, path: Path, cards: Mapping[str, Any], hdu: int = 0) -> None:
        """Set cards of a file; None takes one away."""

        def change(hdus: fits.HDUList) -> None:
            for key, value in cards.items():
                if value is None:
                    hdus[hdu].header.remove(key, ignore_missing=True)
                else:
                    hdus[hdu].header[f"HIERARCH {key}" if " " in key else key] = value

        self.rewrite(path, change)

    def raw_cards(self, cards: Mapping[str, Any]) -> None:
        """Set cards of every exposure."""
        for path in self.raw:
            self.cards(path, cards)

    def change_raw(self, change: Callable[[Image], Image | None], *, as_floats: bool = False) -> None:
        """Change the pixels of every exposure, ADU, the whole frame; whole numbers stay whole unless floats are asked for."""
        for path in self.raw:

            def edit(hdus: fits.HDUList) -> None:
                old = np.asarray(hdus[0].data)
                adu = old.astype(np.float64)
                changed = change(adu)
                adu = adu if changed is None else changed
                whole = old.dtype.kind in "iu" and not as_floats
                hdus[0].data = np.clip(np.rint(adu), 0, FULL).astype(np.uint16) if whole else adu.astype(np.float32)

            self.rewrite(path, edit)

    def change_light(self, change: Callable[[Image], Image | None]) -> None:
        """Change the pixels of every exposure, electrons, science area alone."""
        gain, area = float(self.truth.header["GAIN"]), SCIENCE_AREA[self.arm]

        def edit(adu: Image) -> None:
            electrons = adu[area] * gain
            changed = change(electrons)
            adu[area] = (electrons if changed is None else changed) / gain

        self.change_raw(edit)

    def image(self, name: str) -> Image:
        """An image of the truth."""
        return np.nan_to_num(self.truth.images[name].astype(np.float64))

    def orders(self) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
        """Numbers of the orders and their pixels."""
        numbers = self.image("ORDER")
        for number in np.unique(numbers[numbers > 0]).astype(int):
            yield int(number), numbers == number

    def trace_px(self, order: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pixels along the dispersion and the nearest pixels of the target across, of one order."""
        table = self.truth.orders
        mine = (table["ORDER"] == order) & np.isfinite(table["TRACE"])
        return np.rint(table["DISP_PIX"][mine]).astype(np.int64), np.rint(table["TRACE"][mine]).astype(np.int64)

    def at(self, along: Any, across: Any) -> tuple[Any, Any]:
        """Rows and columns of places given along and across the dispersion."""
        return (along, across) if self.along == 0 else (across, along)

    def pedestal(self) -> Image:
        """What the master takes off, electrons."""
        return np.asarray(fits.getdata(self.darkness), dtype=np.float64)

    def take(self, gone: float) -> None:
        """Take a share of the target's electrons away in every exposure, so that what is left has the noise that so many have.

        Of the electrons n of a pixel, a number drawn from the binomial distribution is the target's and goes; read noise shrinks with it
        and is filled up.
        """
        target, sky = self.image("OBJECT"), self.image("SKY")
        pedestal = smooth(self.pedestal())  # without the master's noise, which must not shrink with the light
        read_noise = float(self.truth.header["RON"])

        def edit(electrons: Image) -> Image:
            counted = electrons - pedestal
            expected = np.maximum(target + sky + np.maximum(smooth(counted - target - sky), 0.0), 1e-3)
            share = gone * target / expected
            spread = np.sqrt(share * (1 - share) * expected + read_noise**2 * (1 - (1 - share) ** 2))
            return electrons - share * counted - spread * self.rng.standard_normal(share.shape)

        self.change_light(edit)

    def thin(self, kept: float) -> None:
        """Keep a share of the target's electrons."""
        self.take(1 - kept)
        self.retarget(kept * self.image("OBJECT"))

    def add(self, light: Image) -> None:
        """Add light to every exposure, with its photon noise."""
        self.change_light(lambda electrons: electrons + self.rng.poisson(np.maximum(light, 0.0)))

    def retarget(self, target: Image) -> None:
        """Make an image the target's light: sums of the orders, and the best signal-to-noise, follow it exactly."""
        old = self.image("OBJECT")
        table = {name: np.array(values, dtype=np.float64) for name, values in self.truth.orders.items()}
        before = table["OBJ_E"].copy()
        for number, pixels in self.orders():
            mine = table["ORDER"] == number
            places = np.rint(table["DISP_PIX"][mine]).astype(int)
            for name, now, then in zip(("OBJ_E", "OBJ_FLAT"), self.sums(target, pixels), self.sums(old, pixels), strict=True):
                ratio = np.divide(now[places], then[places], out=np.zeros(places.size), where=then[places] > 0)
                table[name][mine] *= ratio
        frames = float(self.truth.header["NFRAMES"])
        noise2 = np.divide(before, table["SNR_IDEAL"], out=np.ones_like(before), where=table["SNR_IDEAL"] > 0) ** 2
        floor = np.maximum(table["OBJ_E"], 1e-3) / frames
        table["SNR_IDEAL"] = table["OBJ_E"] / np.sqrt(np.maximum(noise2 + (table["OBJ_E"] - before) / frames, floor))
        images = {**self.truth.images, "OBJECT": target.astype(np.float32)}
        self.truth = replace(self.truth, orders=table, images=images)

    def sums(self, image: Image, pixels: npt.NDArray[np.bool_]) -> tuple[Image, Image]:
        """Light of an order along the dispersion, as it is and flattened.

        Flattened light is what comes through between the slit's ends: a pixel that an end cuts counts with what it holds, not as if it
        were lit whole.  A column that is bad further in, which the flat shows, takes nothing away.
        """
        axis = 1 - self.along
        flat = np.where(pixels, self.image("FLAT"), 0.0)
        bright = flat > WHOLE * flat.max(axis=axis, keepdims=True)
        after, before = (np.flip(np.logical_or.accumulate(np.flip(bright, turned), axis=axis), turned) for turned in ((), axis))
        whole = after & before & (flat > LIT)
        light = np.where(flat > LIT, image, 0.0).sum(axis=axis)
        seen = np.where(whole, image, 0.0).sum(axis=axis)
        flattened = np.divide(image, flat, out=np.zeros(image.shape), where=whole).sum(axis=axis)
        return light, flattened * np.divide(light, seen, out=np.zeros(light.size), where=seen > 0)

    def moved_across(self, image: Image, arcsec: float) -> Image:
        """An image moved along the slit; light of an order stays in it, and pixels and the slit's ends let through where they stand what the flat shows."""
        flat, total = self.image("FLAT"), np.zeros(image.shape)
        even = np.divide(image, flat, out=np.zeros(image.shape), where=flat > LIT)
        for number, pixels in self.orders():
            steps = [0.0, 0.0]
            steps[1 - self.along] = arcsec * self.px_per_arcsec(number)
            total += np.where(pixels & (flat > LIT), flat * shift(np.where(pixels, even, 0.0), steps, order=1), 0.0)
        return total

    def mapped(self, name: str, order: int) -> Image:
        """Wavelengths or slit positions of an order by the delivered map, NaN outside; a set's truth may be rounded to a few digits."""
        path = self.of("DISP_IMAGE")
        mine = fits.getdata(path, "ORDER") == order
        return np.where(mine, np.asarray(fits.getdata(path, name), dtype=np.float64), np.nan)

    def px_per_arcsec(self, order: int) -> float:
        """Scale of an order across the dispersion, with the sign of the slit's direction."""
        return 1 / float(np.nanmedian(np.diff(self.mapped("SLIT", order), axis=1 - self.along)))

    def move_trace(self, px: float = 0.0, arcsec: float = 0.0) -> None:
        """The target stands elsewhere across the dispersion, by pixels of the detector, or along the slit, where lines are tilted."""
        table = {name: np.array(values) for name, values in self.truth.orders.items()}
        for number, _ in self.orders() if arcsec else ():
            mine = np.flatnonzero(table["ORDER"] == number)
            along, trace = np.rint(table["DISP_PIX"][mine]).astype(int), table["TRACE"][mine]
            steps = arcsec * self.px_per_arcsec(number)
            rows = np.moveaxis(self.mapped("WAVELENGTH", number), self.along, 0)[along]
            table["WAVE"][mine] += between_pixels(rows, trace + steps) - between_pixels(rows, trace)
            table["TRACE"][mine] += steps
        table["TRACE"] += px
        self.truth = replace(self.truth, orders=table)

    def move_rows(self, columns: tuple[str, ...], order: int, steps: int) -> None:
        """Move columns of the truth's table along the dispersion, in one order."""
        table = {name: np.array(values) for name, values in self.truth.orders.items()}
        mine = np.flatnonzero(table["ORDER"] == order)
        source = np.clip(np.arange(mine.size) - steps, 0, mine.size - 1)
        for name in columns:
            table[name][mine] = table[name][mine][source]
        self.truth = replace(self.truth, orders=table)


def smooth(image: Image, size: int = 32) -> Image:
    """Medians of square blocks, as an image."""
    ny, nx = image.shape
    padded = np.pad(image, ((0, -ny % size), (0, -nx % size)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // size, size, padded.shape[1] // size, size)
    medians = np.median(blocks, axis=(1, 3))
    return np.asarray(np.repeat(np.repeat(medians, size, axis=0), size, axis=1)[:ny, :nx])


def between_pixels(rows: Image, places: Image) -> Image:
    """Values of rows at places between their pixels, shape (n,); beyond the pixels that have one, that of the last, NaN in a row without."""
    pixels = np.arange(rows.shape[1])
    known = np.isfinite(rows)
    found = [np.interp(place, pixels[has], row[has]) if has.any() else np.nan for row, has, place in zip(rows, known, places, strict=True)]
    return np.asarray(found)
