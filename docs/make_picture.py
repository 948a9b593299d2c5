"""Draw the picture of the README from the products of ``make demo-truth``: ``python docs/make_picture.py [demo-data]``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from astropy.io import fits  # noqa: TID251  # a tool beside the package
from PIL import Image

TARGET = Path(__file__).with_name("images") / "demo.png"
NAMES = {"VIS": "UV-VIS arm", "NIR": "NIR arm"}
COLOURS = {"VIS": "#2a6f97", "NIR": "#a4432f"}
NOT_DRAWN = 4 | 32  # low response, no data
BIN_NM = 1.0
ORDER = 16


def main(folder: Path) -> None:
    """Spectra of both arms with the truth, and one order before and after sky subtraction."""
    figure = plt.figure(figsize=(9.0, 4.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    for axis, arm in zip(above.subplots(1, 2), COLOURS, strict=True):
        spectrum(axis, folder, arm)
    order(below.subplots(2, 1), folder)
    TARGET.parent.mkdir(exist_ok=True)
    figure.savefig(TARGET, dpi=110)
    Image.open(TARGET).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


def spectrum(axis: plt.Axes, folder: Path, arm: str) -> None:
    """Calibrated spectrum in bins with its error, and the spectrum that went in, dimmed by the difference of slit losses."""
    data = fits.getdata(next((folder / f"products/{arm}_supernova").rglob("*_FLUXCAL.fits")), 1)
    wave, flux, error = (np.asarray(data[name], float) for name in ("WAVE", "FLUX_CALIBRATED", "FLUX_CALIBRATED_ERR"))
    truth, standard = (fits.getdata(folder / f"data/{arm}_{kind}/truth.fits", "SOURCE") for kind in ("supernova", "standard"))
    loss = np.interp(truth["WAVE"], standard["WAVE"], truth["SLIT_FRACTION"] / standard["SLIT_FRACTION"])
    good = ((data["QUAL"] & NOT_DRAWN) == 0) & (error > 0)
    weight = np.where(good, 1.0 / np.where(good, error, 1.0) ** 2, 0.0)
    cell = np.floor(wave / BIN_NM).astype(int) - int(wave[0] // BIN_NM)
    total, full = np.bincount(cell, weight), np.bincount(cell, good) > 0.5 * np.bincount(cell)
    safe = np.where(full, total, np.nan)
    x = (np.arange(total.size) + int(wave[0] // BIN_NM) + 0.5) * BIN_NM
    y, sigma = np.bincount(cell, np.where(good, weight * flux, 0.0)) / safe * 1e16, 1e16 / np.sqrt(safe)
    shown = np.floor(truth["WAVE"] / BIN_NM).astype(int)
    shown -= int(wave[0] // BIN_NM)
    inside = (shown >= 0) & (shown < total.size)
    simulated = np.bincount(shown[inside], (truth["FLUX"] * loss)[inside], total.size) / np.bincount(shown[inside], minlength=total.size)
    axis.plot(x, 1e16 * simulated, color="0.8", lw=4, label="the spectrum simulated")
    axis.fill_between(x, y - sigma, y + sigma, color=COLOURS[arm], alpha=0.3, lw=0)
    axis.plot(x, y, color=COLOURS[arm], lw=0.8, label=f"{NAMES[arm]}, means of {BIN_NM:g} nm ± 1σ")
    axis.set(xlabel="wavelength (nm, air)", xlim=(x[0], x[-1]), ylim=(0, 1.35 * np.nanpercentile(y, 99)))
    axis.set_ylabel("$10^{-16}$ erg s$^{-1}$ cm$^{-2}$ Å$^{-1}$")
    axis.legend(frameon=False, loc="upper right")


def order(axes: np.ndarray, folder: Path) -> None:
    """One near-infrared order, laid straight, before and after the sky is subtracted."""
    products = folder / "products/NIR_supernova"
    after = fits.getdata(next(products.rglob("*_SKYSUB.fits")), 0).astype(float)
    before = after + fits.getdata(next(products.rglob("*_SKYMODEL.fits")), 0)
    truth = folder / "data/NIR_supernova/truth.fits"
    inside = fits.getdata(truth, "ORDER") == ORDER
    columns = np.flatnonzero(inside.any(axis=0))[100:-100]
    first = np.array([np.flatnonzero(inside[:, x])[0] for x in columns])
    height = int(np.median(inside[:, columns].sum(axis=0)))
    rows = first[None, :] + np.arange(height)[:, None]
    wave = fits.getdata(truth, "WAVE")[rows[height // 2], columns]
    low, high = np.percentile(after[rows, columns], (5, 99.5))
    for axis, image, name in zip(axes, (before, after), ("before", "after"), strict=True):
        axis.imshow(image[rows, columns], aspect="auto", origin="lower", cmap="gray", vmin=low, vmax=high, extent=(wave[0], wave[-1], 0, 1))
        axis.set(yticks=[], ylabel=name)
    axes[0].set_xticks([])
    axes[1].set_xlabel(f"wavelength (nm); order {ORDER} before and after sky subtraction, pixels as they are")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo-data"))
