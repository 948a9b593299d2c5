"""Simulated scenes as inputs of the recipe's algorithm, small enough to reduce in a second or two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from soxspipe.datamodel.calibrations import Masters
from soxspipe.datamodel.flags import PixelFlag
from soxspipe.datamodel.frame import Frame, RawFrame
from soxspipe.datamodel.geometry import DispersionMap, DispersionPolynomial, Geometry, OrderPolynomial, OrderTable
from soxspipe.datamodel.observation import Observation
from soxspipe.io.frames import as_dark
from soxspipe.io.simulated_facts import make_scene, read_facts
from soxspipe.io.static import read_sky_lines, read_telluric_bands
from soxspipe.reductions.stare.inputs import StareInputs
from soxspipe.reductions.stare.result import StareResult
from soxspipe.simulate.crop import crop
from soxspipe.simulate.detector import bin_sum
from soxspipe.simulate.observe import simulate
from soxspipe.simulate.scene import Scene
from soxspipe.simulate.score import Extracted, Products, score
from soxspipe.simulate.simulation import Facts, MasterImage, Score, Simulation, Truth

Window = tuple[tuple[int, int], tuple[int, int]]

WINDOWS: dict[str, Window] = {
    "NIR": ((755, 1070), (500, 1100)),  # orders 17 to 19 around 1080 nm
    "NIR_H": ((405, 575), (700, 1300)),  # orders 11 to 13, with the strongest OH lines
    "VIS": ((1500, 2200), (440, 690)),  # bands g and i
    "VIS_R": ((500, 1200), (125, 215)),  # band r, with the line at 557.7 nm
    "UVB_XSH": ((1200, 1700), (1020, 1270)),
    "VIS_XSH": ((1800, 2300), (960, 1230)),
    "NIR_XSH": ((900, 1500), (380, 580)),
    "VIS_RED": ((1500, 2200), (600, 690)),  # band i alone
}
"""Rows and columns of the unbinned science frame that a small scene keeps."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """A scene ready to be reduced, with its truth."""

    scene: Scene
    inputs: StareInputs
    simulation: Simulation

    @property
    def truth(self) -> Truth:
        """The truth of the scene."""
        return self.simulation.truth


def small_scene(window: str = "NIR", **values: object) -> Prepared:
    """Simulate a scene on a part of the detector; keywords are keys of a scene file."""
    arm, _, where = window.partition("_")
    scene = make_scene({"arm": arm, "instrument": "XSHOOTER" if where == "XSH" else "SOXS", **values})
    return prepare_scene(scene, crop(read_facts(scene), *WINDOWS[window]))


def full_scene(**values: object) -> Prepared:
    """Simulate a scene on the whole detector."""
    scene = make_scene(values)
    return prepare_scene(scene, read_facts(scene))


@lru_cache(maxsize=8)
def cached_scene(window: str, values: tuple[tuple[str, object], ...]) -> Prepared:
    """A small scene that several tests share."""
    return small_scene(window, **dict(values))


def prepare_scene(scene: Scene, facts: Facts) -> Prepared:
    """Simulate, and arrange the values as reading the files would."""
    simulation = simulate(scene, facts)
    masters = {name: _frame(master) for name, master in simulation.masters.items()}
    if simulation.off_adu is not None:
        beside = RawFrame(adu=simulation.off_adu, observation=_observation(scene, simulation.mjd[0]), name="off.fits")
        masters["dark"] = as_dark(beside, simulation.detector, masters.get("bias"))
    inputs = StareInputs(
        with_off_frame=simulation.off_adu is not None,
        raw=tuple(
            RawFrame(adu=adu, observation=_observation(scene, mjd), name=f"raw_{number}.fits")
            for number, (adu, mjd) in enumerate(zip(simulation.raw_adu, simulation.mjd, strict=True))
        ),
        observation=_observation(scene, simulation.mjd[0]),
        detector=simulation.detector,
        arm=facts.arm,
        bad_pixels=np.zeros(simulation.detector.shape, dtype=bool),
        masters=Masters(bias=masters.get("bias"), dark=masters.get("dark"), flat=masters.get("flat")),
        geometry=_geometry(scene, facts, simulation),
        is_standard=scene.is_standard,
        standard=facts.target if scene.is_standard else None,
        response=None,
        extinction=facts.extinction,
        telluric_bands=read_telluric_bands(),
        sky_lines=read_sky_lines(scene.instrument, scene.arm),
    )
    return Prepared(scene=scene, inputs=inputs, simulation=simulation)


def score_result(result: StareResult, truth: Truth, standard: Truth | None = None) -> Score:
    """Score a reduction that was not written to disk."""
    merged = result.merged
    lags = {f"CORR_LAG{k}": row for k, row in enumerate(merged.correlation, start=1)}
    fluxed = result.fluxed
    products = Products(
        orders=_extracted(result.orders),
        orders_unflattened=_extracted(result.orders_unflattened) if result.orders_unflattened else None,
        sky_subtracted=result.sky_subtracted.electrons,
        flagged=np.asarray(result.sky_subtracted.flags != 0),
        merged={"WAVE": merged.wavelength_nm, "FLUX_COUNTS": merged.flux, "VARIANCE": merged.variance, **lags},
        fluxed={}
        if fluxed is None
        else {"WAVE": fluxed.wavelength_nm, "FLUX_CALIBRATED": fluxed.flux, "FLUX_CALIBRATED_ERR": fluxed.error},
        efficiency={}
        if result.efficiency is None
        else {"WAVE": result.efficiency.wavelength_nm, "EFFICIENCY": result.efficiency.efficiency},
    )
    return score(products, truth, standard)


def _extracted(orders: tuple) -> Extracted:
    fields = ("b_px", "a_px", "wavelength_nm", "flux", "variance", "boxcar")
    return Extracted(**{name: np.concatenate([np.asarray(getattr(order, name), dtype=np.float64) for order in orders]) for name in fields})


def _frame(master: MasterImage) -> Frame:
    return Frame(
        electrons=np.asarray(master.value, dtype=np.float32),
        variance=np.asarray(master.error, dtype=np.float32) ** 2,
        flags=np.where(master.bad > 0, PixelFlag.BAD, 0).astype(np.uint8),
        exptime_s=master.exptime_s,
    )


def _observation(scene: Scene, mjd: float) -> Observation:
    return Observation(
        arm=scene.arm,
        kind="STD,FLUX" if scene.is_standard else "OBJECT",
        target=scene.target_name,
        exptime_s=scene.exptime_s,
        mjd=mjd,
        airmass=scene.airmass,
        seeing_arcsec=float(np.mean(scene.exposure_seeing)),
        binning=scene.binning,
        slit_name=f"SLIT{scene.slit_width_arcsec:.1f}",
        slit_width_arcsec=scene.slit_width_arcsec,
    )


def _geometry(scene: Scene, facts: Facts, simulation: Simulation) -> Geometry:
    delivered = simulation.delivered
    solved = delivered.wavelength_nm > 0
    wave, slit, order = (
        bin_sum(np.where(solved, image, np.nan).astype(np.float64), scene.binning) / (scene.binning[0] * scene.binning[1])
        for image in (delivered.wavelength_nm, delivered.slit_arcsec, delivered.order)
    )
    return Geometry(
        arm=facts.arm,
        binning=scene.binning,
        order_table=OrderTable(
            dispersion_axis=facts.arm.dispersion_axis,
            orders=tuple(sorted(delivered.limits)),
            b_min={n: limits[0] for n, limits in delivered.limits.items()},
            b_max={n: limits[1] for n, limits in delivered.limits.items()},
            centre=OrderPolynomial(coefficients=delivered.centre),
            low=OrderPolynomial(coefficients=delivered.low),
            high=OrderPolynomial(coefficients=delivered.high),
        ),
        dispersion_map=DispersionMap(
            wavelength_nm=wave,
            slit_arcsec=slit,
            order=np.nan_to_num(np.where(order == np.rint(order), order, 0.0)).astype(np.int16),
            x=DispersionPolynomial(coefficients=delivered.x_coefficients),
            y=DispersionPolynomial(coefficients=delivered.y_coefficients),
        ),
        spectral_format=facts.spectral_format,
    )
