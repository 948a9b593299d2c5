"""The scene of a set of raw calibration frames: a scene, whose detector and geometry it shares, and what the calibrations add to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from soxspipe.simulate.scene import Scene

CalibrationKind = Literal["bias", "dark", "flat", "pinhole_arc", "pinhole_flat", "multi_pinhole_arc", "slit_arc"]


class CalibrationScene(Scene):
    """Raw calibration frames of one arm; the same seed gives the same detector and geometry as a `Scene` has."""

    kinds: tuple[CalibrationKind, ...] | None = Field(
        None, description="kinds of frames to make; absent: bias, darks and flats, as far as the arm has them"
    )
    dpr_type_order: Literal["lamp_first", "lamp_last"] = Field(
        "lamp_first", description="spelling of DPR TYPE: `LAMP,FLAT` or `FLAT,LAMP`; both occur in SOXS data"
    )
    bias_frames: int = Field(5, ge=1, le=100, description="raw bias frames (VIS, UVB)")
    dark_frames: int = Field(5, ge=1, le=100, description="raw darks of each exposure time")
    dark_times_s: tuple[float, ...] | None = Field(
        None, description="exposure times of the darks, s; absent: 20, 60, 300 (NIR), none (VIS)"
    )
    flat_frames: int = Field(5, ge=1, le=100, description="raw flats of each lamp")
    off_frames: int = Field(5, ge=0, le=100, description="flats with the lamp off (NIR)")
    d2_frames: int | None = Field(
        None, ge=0, le=100, description="raw flats of the deuterium lamp (VIS, UVB); absent: as many as of quartz"
    )
    qth_temperature_k: float | None = Field(
        None,
        gt=1000.0,
        le=20000.0,
        description="colour temperature of the quartz lamp, K; absent: 2800 (NIR), 3000 (VIS, UVB); a scene has 2800, 4500, 6000",
    )
    lamp_exptime_s: float = Field(20.0, gt=0.0, le=3600.0, description="exposure time of a flat, s")
    arc_frames: int = Field(1, ge=1, le=20, description="raw frames of each arc and pinhole flat (SOXS)")
    arc_electrons: float = Field(20000.0, gt=10.0, le=1e7, description="electrons in a pinhole's image of a typical arc line")
    arc_scatter: float = Field(0.8, ge=0.0, le=2.0, description="scatter of the lines' strengths, natural logarithm")
    arc_missing: float = Field(0.05, ge=0.0, le=0.9, description="share of the listed lines that the lamps do not show")
    arc_unlisted: float = Field(0.1, ge=0.0, le=1.0, description="lines that no list has, as a share of those listed")
    arc_extra_lines: tuple[tuple[float, float], ...] = Field(
        (), description="further lines that no list has: wavelength (nm, air) and electrons in a pinhole's image of each"
    )
    arc_lamps_out: tuple[str, ...] = Field(
        (), description="elements whose lamp is out, though the header says that it is on: Ar, Hg, Ne, Xe, ThAr"
    )
    pinhole_share: dict[int, Annotated[float, Field(ge=0.0, le=1.0)]] = Field(
        {}, description="light that pinholes of the mask let through, by number from 0: vignetted ends"
    )
    pinhole_share_orders: tuple[int, ...] = Field((), description="orders in which `pinhole_share` holds; absent: all")
    mask_offset_pinholes: int = Field(0, ge=-1, le=1, description="pinholes by which the mask is off the slit's centre")
    lamp_electrons: float | None = Field(
        None,
        gt=10.0,
        le=1e7,
        description="electrons of a flat where its lamp is brightest, in an unbinned pixel; absent: 45000, or 0.7 of the converter's range",
    )
    lamp_drift: float = Field(0.01, ge=0.0, le=0.5, description="scatter of the lamp's level from flat to flat")
    lamp_illumination: float = Field(0.02, ge=-0.3, le=0.3, description="gradient of the lamp's light along the slit, centre to end")
    slit_roughness: float = Field(0.005, ge=0.0, le=0.1, description="rms of the slit's transmission along its length (dust, jaws)")
    thermal_e_per_s: float = Field(
        20.0,
        ge=0.0,
        le=1e4,
        description="electrons per second and pixel of ambient light through the slit at 2000 nm (NIR), lamp on or off",
    )
    unstable_pixels: float = Field(0.0005, ge=0.0, le=0.05, description="share of pixels that jump between two levels")
    unstable_e: float = Field(150.0, ge=0.0, le=1e5, description="mean height of their jumps, electrons")
    bias_drift_e: float = Field(1.0, ge=0.0, le=100.0, description="scatter of the bias level from frame to frame, electrons")
    nonlinearity: float = Field(0.0, ge=0.0, le=0.3, description="share of the charge that is missing at full well; grows with the square")
