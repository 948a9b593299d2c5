"""The scene: what is on the sky, how it is observed, and with what detector.  Field names are the keys of a scene file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]

ORDERS_BLOCKED_BY_JH = 12
"""With the JH filter, NIR orders up to this one see no light."""


PER_EXPOSURE = (
    "seeing_arcsec", "transparency", "drift_arcsec", "oh_change", "flexure_dispersion_exposures_px", "flexure_slit_exposures_px",
)  # fmt: skip
"""Fields with one number for all exposures, or one for each."""


class Scene(BaseModel):
    """One simulated observation; every field has a range, and its description is the reference of the scene file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # the instrument
    instrument: Literal["SOXS", "XSHOOTER"] = Field("SOXS", description="instrument")
    arm: Literal["NIR", "VIS", "UVB"] = Field("NIR", description="arm")
    slit_width_arcsec: float = Field(1.0, gt=0.2, le=10.0, description="slit width, arcsec")
    blocking_filter: bool = Field(False, description="JH filter in the NIR slit: orders up to 12 see no light")
    binning: tuple[int, int] = Field((1, 1), description="binning in x and y (VIS and UVB only), for example [2, 1]")
    seed: int = Field(1, ge=0, description="seed of every random draw; the same seed gives the same bits")

    # the target
    target: Literal["standard", "power_law", "supernova", "file", "lines", "empty"] = Field(
        "power_law",
        description="kind of target: a library standard, a power law, a supernova, a spectrum from a file, emission lines alone, nothing",
    )
    name: str = Field("", description="name of the target in the headers; for `standard` the library name, LTT7987 if empty")
    ab_mag: float | None = Field(
        None, ge=5.0, le=30.0, description="AB magnitude at `mag_wavelength_nm`; absent: library or file flux, else 17"
    )
    mag_wavelength_nm: float | None = Field(
        None, ge=300.0, le=2500.0, description="where `ab_mag` holds; absent: 550 nm (VIS, UVB) or 1250 nm"
    )
    slope: float = Field(-2.0, ge=-8.0, le=8.0, description="exponent of the power law in wavelength; -2 is constant in frequency")
    temperature_k: float = Field(9000.0, ge=2000.0, le=50000.0, description="temperature of the supernova's continuum, K")
    ejecta_km_s: float = Field(9000.0, ge=500.0, le=30000.0, description="velocity of the supernova's absorption minima, km/s")
    redshift: float = Field(0.02, ge=0.0, le=8.0, description="redshift of the supernova, its host and the emission lines")
    line_flux: float = Field(2e-16, ge=0.0, le=1e-10, description="flux of the strongest narrow emission line, erg/s/cm2")
    line_width_km_s: float = Field(120.0, gt=0.0, le=5000.0, description="full width at half maximum of narrow lines, km/s")
    spectrum_file: str | None = Field(
        None, description="ASCII (nm, erg/s/cm2/A) or FITS table of the target `file`, relative to the scene file"
    )
    ra_deg: float = Field(246.0, ge=0.0, lt=360.0, description="where a target that no library knows stands, right ascension, degrees")
    dec_deg: float = Field(-39.2, ge=-90.0, le=90.0, description="declination, degrees")
    offset_arcsec: float = Field(0.4, ge=-6.0, le=6.0, description="position of the target along the slit, arcsec from its centre")
    second_offset_arcsec: float | None = Field(None, ge=-6.0, le=6.0, description="position of a second object")
    second_ab_mag: float = Field(18.0, ge=5.0, le=30.0, description="magnitude of the second object")
    host_ab_mag: float | None = Field(None, ge=5.0, le=30.0, description="magnitude of an extended host galaxy around the target")
    host_fwhm_arcsec: float = Field(3.0, gt=0.1, le=20.0, description="size of the host, arcsec")
    host_offset_arcsec: float = Field(0.0, ge=-6.0, le=6.0, description="host centre relative to the target, arcsec")
    host_shape: Literal["gaussian", "exponential", "sersic"] = Field(
        "gaussian", description="how the host's light falls off; its size is the diameter that holds half of the light"
    )
    host_sersic_index: float = Field(4.0, ge=0.5, le=6.0, description="index of a Sersic host")
    host_slope: float = Field(-1.0, ge=-8.0, le=8.0, description="exponent of the host's power law in wavelength")
    host_break: Fraction = Field(0.0, description="share of the host's light that is missing bluewards of 400 nm at rest")
    host_line_flux: float = Field(
        0.0,
        ge=0.0,
        le=1e-10,
        description="flux of the host's strongest narrow emission line, erg/s/cm2; it lies along the slit as its stars do",
    )

    # the exposures and the air
    exptime_s: float = Field(300.0, gt=0.0, le=20000.0, description="exposure time of one exposure, s")
    exposures: int = Field(1, ge=1, le=20, description="number of exposures")
    first_exposure: int = Field(
        0, ge=0, le=100000, description="number of the first exposure; others of the same seed have the same detector and other noise"
    )
    seeing_arcsec: tuple[Positive, ...] = Field((0.9,), description="FWHM at 500 nm, arcsec; one number, or one per exposure")
    transparency: tuple[Fraction, ...] = Field((1.0,), description="transparency; one number, or one per exposure")
    drift_arcsec: tuple[float, ...] = Field(
        (0.0,), description="motion of all sources along the slit against `offset_arcsec`, arcsec; one number, or one per exposure"
    )
    oh_change: tuple[Positive, ...] = Field(
        (1.0,), description="strength of the sky lines against `oh_strength`; one number, or one per exposure"
    )
    exposure_times_s: tuple[Positive, ...] = Field((), description="exposure time of each exposure, s; absent: `exptime_s` for all")
    integrations: int = Field(
        1, ge=1, le=100, description="integrations (NDIT) that each exposure is the mean of; `exptime_s` is the time of one"
    )
    moffat_beta: float = Field(3.5, ge=1.6, le=20.0, description="exponent of the Moffat seeing profile")
    moffat_beta_red: float | None = Field(
        None, ge=1.6, le=20.0, description="exponent at the red end of the arm, reached linearly in wavelength; absent: the same all over"
    )
    seeing_slope: float = Field(-0.2, ge=-1.0, le=1.0, description="exponent of wavelength by which the seeing changes")
    image_trail_arcsec: float = Field(0.0, ge=0.0, le=6.0, description="length along the slit over which guiding smears the image, arcsec")
    image_tail_arcsec: float = Field(
        0.0, ge=-3.0, le=3.0, description="scale of an exponential tail of the image towards positive slit positions, arcsec"
    )
    image_hump_arcsec: float = Field(0.0, ge=0.0, le=3.0, description="distance of the two humps of a doubled image, arcsec")
    image_hump_share: float = Field(0.3, ge=0.0, le=0.5, description="share of the light in the weaker hump")
    airmass: float = Field(1.2, ge=1.0, le=3.0, description="air mass")
    telluric: bool = Field(True, description="absorption lines of the air: oxygen, water, carbon dioxide and methane")
    water_mm: float = Field(2.5, ge=0.0, le=20.0, description="precipitable water at the zenith, mm")
    slit_angle_deg: float = Field(
        0.0,
        ge=-180.0,
        le=180.0,
        description="angle between the slit and the direction to the zenith; turned, refraction moves stars across it",
    )
    across_offset_arcsec: float = Field(0.0, ge=-3.0, le=3.0, description="distance of the target from the middle of the slit, across it")
    telluric_strength_scatter: float = Field(
        0.0, ge=0.0, le=2.0, description="scatter of the logarithm of the strengths of telluric lines about the shipped ones, line by line"
    )
    telluric_broadening: float = Field(
        0.0, ge=0.0, le=10.0, description="half width of a Lorentzian that widens telluric lines, in 1e-5 of their wavelength"
    )
    refraction: float | None = Field(
        None,
        ge=-1.0,
        le=1.0,
        description="share of atmospheric refraction that bends the trace along the slit; absent: 0.1 (VIS, UVB), 0.5 (NIR)",
    )
    sky_ab_mag: float | None = Field(
        None, ge=14.0, le=26.0, description="sky continuum, AB mag per square arcsec; absent: 21.0 (VIS, UVB), 19.5 (NIR)"
    )
    oh_strength: float = Field(1.0, ge=0.0, le=20.0, description="strength of the sky emission lines relative to a typical night")
    slit_illumination: float = Field(
        0.03, ge=-0.3, le=0.3, description="gradient of the sky's illumination along the slit relative to the flat, from centre to end"
    )
    slit_illumination_curvature: float = Field(0.0, ge=-0.3, le=0.3, description="quadratic part of it, at the slit's ends")
    nebular_flux: float = Field(
        0.0, ge=0.0, le=1e-12, description="surface brightness of the strongest line of ionised gas along the slit, erg/s/cm2/arcsec2"
    )
    nebular_gradient: float = Field(0.0, ge=-1.0, le=1.0, description="change of its brightness per arcsec along the slit")
    nebular_curvature: float = Field(0.0, ge=-0.3, le=0.3, description="quadratic part of it, per square arcsec")
    lsf_width_gradient: float = Field(
        0.0, ge=-0.15, le=0.3, description="change of the lines' width from the slit's centre to its end; 0.15 is 30 % along the slit"
    )
    lsf_wings: float = Field(0.0, ge=0.0, le=0.3, description="share of a line in wings four times as wide as its core")
    lsf_skew_px: float = Field(0.0, ge=-2.0, le=2.0, description="length of a one-sided tail of the lines, px")
    slit_horns: float = Field(0.0, ge=0.0, le=0.5, description="dip in the middle of the slit's image: horns of the lines of a wide slit")
    ghost_share: float = Field(
        0.0, ge=0.0, le=0.02, description="share of all light that a ghost puts on the opposite side of the detector"
    )
    fringes: float = Field(0.0, ge=0.0, le=0.1, description="amplitude of fringes, which stand elsewhere in the exposures than in the flat")
    scattered_light: float = Field(0.015, ge=0.0, le=0.2, description="share of all light that is spread smoothly over the detector")

    # the geometry of the night, against the one that the static tables predict
    geometry_shift_px: tuple[float, float] = Field((0.0, 0.0), description="shift along detector x and y, px, for example [1.2, -0.8]")
    geometry_rotation_deg: float = Field(0.0, ge=-0.5, le=0.5, description="rotation about the middle of the detector, degrees")
    geometry_stretch: float = Field(0.0, ge=-0.01, le=0.01, description="relative change of scale about the middle of the detector")
    geometry_distortion_px: float = Field(0.0, ge=0.0, le=1.0, description="rms of a smooth distortion on top of it, px")
    geometry_ripple_px: float = Field(0.0, ge=0.0, le=1.0, description="rms of waves over the detector, as no polynomial follows them, px")

    # the calibration against the exposure
    flexure_dispersion_px: float = Field(
        0.0, ge=-12.0, le=12.0, description="shift of the exposures along the dispersion, px; not in the delivered map"
    )
    flexure_slit_px: float = Field(
        0.0, ge=-15.0, le=15.0, description="shift of the exposures along the slit axis of the detector, px; not in the delivered map"
    )
    flexure_dispersion_exposures_px: tuple[float, ...] = Field(
        (0.0,), description="shift of all orders along the dispersion on top of that, px; one number, or one per exposure"
    )
    flexure_slit_exposures_px: tuple[float, ...] = Field(
        (0.0,), description="shift of all orders along the slit axis on top of that, px; one number, or one per exposure"
    )
    flexure_slit_turn_px: float = Field(
        0.0,
        ge=-15.0,
        le=15.0,
        description="shift along the slit axis for a change by 1 of the sine of the rotator angle from arc to exposures, px (no law is published)",
    )
    flexure_dispersion_order_px: dict[int, float] = Field(
        {}, description="shift along the dispersion of single orders in place of the common one, px, for example {2: -2.7, 3: -3.5}"
    )
    flexure_slit_order_px: dict[int, float] = Field(
        {}, description="shift along the slit axis of single orders in place of the common one, px"
    )
    slit_edge_blur_px: float = Field(0.5, gt=0.0, le=3.0, description="blur of the lit edges at the slit's ends, px")
    flexure_tilt_px: float = Field(
        0.0, ge=-1.0, le=1.0, description="growth of the shift along the dispersion from one order to the next, px; 0 at the middle order"
    )
    flexure_bend_px: dict[int, float] = Field(
        {}, description="bend of single orders on top of their shift, px from the order's middle to its ends, for example {10: 1.5}"
    )
    flexure_by_law: bool = Field(
        False, description="SOXS VIS: bands r, u and g follow `flexure_dispersion_px` of band i and the rotator as seen on the sky"
    )
    flexure_law_scatter: float = Field(
        1.0, ge=0.0, le=5.0, description="scatter of the bands about that law in units of what was seen (r 0.36 px, u 0.96 px, g 1.14 px)"
    )
    rotator_deg: float | None = Field(
        0.0, ge=-360.0, le=360.0, description="rotator angle of the exposures, in their headers; null leaves the card out"
    )
    arc_rotator_deg: float | None = Field(
        None, ge=-360.0, le=360.0, description="rotator angle of the arc; absent: parked at 0 and not in its header, as in day time"
    )
    rotator_placeholder: bool = Field(
        False, description="write 0 for rotator and parallactic angle into the headers of exposures and arc, whatever they are"
    )
    arc_before_min: float = Field(
        600.0, ge=-2000.0, le=2000.0, description="minutes from the start of the arc to that of the first exposure"
    )
    map_error_px: float = Field(0.02, ge=0.0, le=0.5, description="rms of a smooth error of the delivered dispersion map, px")

    # the detector
    gain_e_per_adu: float | None = Field(
        None, gt=0.1, le=10.0, description="gain, e-/ADU; absent: 2.3 (SOXS NIR), 1.25 (SOXS VIS), detector file (X-shooter)"
    )
    read_noise_e: float | None = Field(None, ge=0.5, le=50.0, description="read noise, e-; absent: of the detector file")
    bias_adu: float | None = Field(None, ge=0.0, le=5000.0, description="bias level, ADU; absent: 300 (VIS, UVB), 2 (NIR)")
    dark_e_per_s: float | None = Field(None, ge=0.0, le=10.0, description="dark current, e-/s; absent: 0.03 (NIR), 0.0005 (VIS, UVB)")
    saturation_e: float | None = Field(None, gt=1000.0, le=1e6, description="full well, e-; absent: 120000 (NIR), 200000 (VIS, UVB)")
    nonlinearity: float = Field(
        0.0, ge=0.0, le=0.2, description="share of the charge that is not seen at full well; less in proportion below it"
    )
    coupling: float = Field(0.0, ge=0.0, le=0.05, description="share of a pixel's charge that each of its four neighbours shows as well")
    persistence: float = Field(0.0, ge=0.0, le=0.1, description="share of the charge of an exposure that is seen in the next one again")
    channel_offsets_e: float = Field(
        0.0, ge=0.0, le=100.0, description="rms of the level of the 32 read-out channels, another in each exposure, e-"
    )
    stripes_e: float = Field(0.0, ge=0.0, le=100.0, description="rms of the level of rows, as 1/f noise leaves it, e-")
    row_levels_e: float = Field(0.0, ge=0.0, le=100.0, description="rms of a level of its own of every row, e-")
    odd_even_e: float = Field(0.0, ge=-100.0, le=100.0, description="level of odd rows over even ones, e-")
    odd_even_columns_e: float = Field(0.0, ge=-100.0, le=100.0, description="level of odd columns over even ones, e-")
    step_e: float = Field(0.0, ge=-200.0, le=200.0, description="level of a part of the detector over the rest, e-")
    step_from: tuple[Fraction, Fraction] = Field(
        (0.5, 0.0), description="where that part begins, as shares of the columns and of the rows; it reaches to the end of both"
    )
    noisy_rows: float = Field(0.0, ge=0.0, le=1.0, description="share of the rows that are read with more noise, the same in each exposure")
    noisy_rows_factor: float = Field(5.0, ge=1.0, le=50.0, description="read noise of these rows over that of the others")
    header_read_noise_e: float | None = Field(
        None, ge=0.0, le=50.0, description="read noise that raw headers state, e-; absent: the true one"
    )
    header_gain_swapped: bool = Field(False, description="raw headers state the inverse of the gain, in both cards")
    prnu: float = Field(0.01, ge=0.0, le=0.1, description="pixel-to-pixel response variation")
    hot_pixels: float = Field(0.002, ge=0.0, le=0.05, description="share of hot pixels")
    dead_pixels: float = Field(0.001, ge=0.0, le=0.05, description="share of pixels with low response")
    bad_columns: int | None = Field(None, ge=0, le=20, description="partial bad columns; absent: 3 (VIS, UVB), 0 (NIR)")
    bad_column_on_trace: bool = Field(
        False, description="one more bad column, through the middle of the target's trace in the middle order"
    )
    cosmic_ray_rate: float = Field(1.5, ge=0.0, le=50.0, description="cosmic rays per square cm and minute")

    # the masters
    with_flat: bool = Field(True, description="deliver a master flat")
    flat_error: float = Field(0.0, ge=0.0, le=0.05, description="rms of an error of the flat on scales of some pixels")
    off_frame: bool = Field(False, description="NIR: deliver an exposure of the sky elsewhere in place of the master dark")
    off_star_ab_mag: float | None = Field(None, ge=5.0, le=30.0, description="magnitude of a star on the slit of that exposure")
    off_star_offset_arcsec: float = Field(2.5, ge=-6.0, le=6.0, description="its position along the slit")
    with_dark: bool | None = Field(None, description="deliver a master dark; absent: NIR only")
    dark_exptime_s: float | None = Field(None, gt=0.0, le=20000.0, description="exposure time of the dark; absent: that of the exposures")
    bias_frames: int = Field(10, ge=1, le=100, description="frames in the master bias")
    dark_frames: int = Field(5, ge=1, le=100, description="frames in the master dark")
    flat_frames: int = Field(5, ge=1, le=100, description="frames in the master flat")
    flat_electrons: float = Field(40000.0, gt=100.0, le=1e6, description="mean level of one flat frame at the order centres, e-")

    # what is illuminated, for small scenes
    orders: tuple[int, ...] | None = Field(None, description="orders that receive light and stand in the tables; absent: all")
    dispersion_range: tuple[int, int] | None = Field(
        None, description="first and last + 1 unbinned dispersion pixel with light; absent: all"
    )

    @field_validator(*PER_EXPOSURE, "exposure_times_s", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _consistent(self) -> Scene:
        if len(self.exposure_times_s) not in (0, self.exposures):
            raise ValueError(f"exposure_times_s: give one per exposure ({self.exposures}), not {len(self.exposure_times_s)}")
        for key in PER_EXPOSURE:
            if len(getattr(self, key)) not in (1, self.exposures):
                raise ValueError(f"{key}: give one value or one per exposure ({self.exposures}), not {len(getattr(self, key))}")
        if self.off_frame and (self.arm != "NIR" or self.with_dark):
            raise ValueError("off_frame: takes the place of the dark in the NIR")
        if self.flexure_by_law and (self.instrument, self.arm) != ("SOXS", "VIS"):
            raise ValueError("flexure_by_law: the law is that of SOXS VIS")
        if self.target == "file" and not self.spectrum_file:
            raise ValueError("spectrum_file: needed for target `file`")
        if self.instrument == "SOXS" and self.arm == "UVB":
            raise ValueError("arm: SOXS has NIR and VIS")
        allowed = {(1, 1)} if self.arm == "NIR" else {(1, 1), (1, 2), (2, 1), (2, 2)}
        if self.binning not in allowed:
            raise ValueError(f"binning: {self.arm} allows {sorted(allowed)}")
        if self.dispersion_range is not None and self.dispersion_range[1] - self.dispersion_range[0] < 50:
            raise ValueError("dispersion_range: at least 50 pixels are needed")
        return self

    @property
    def is_standard(self) -> bool:
        """Whether the exposure is tagged as a flux standard."""
        return self.target == "standard"

    @property
    def target_name(self) -> str:
        """Name of the target in the headers."""
        return self.name or {"standard": "LTT7987", "empty": "BLANK", "supernova": "SN2026sim"}.get(self.target, "SIMULATED")

    @property
    def exposure_seeing(self) -> tuple[float, ...]:
        """Seeing of each exposure, arcsec at 500 nm."""
        return self.seeing_arcsec if len(self.seeing_arcsec) > 1 else self.seeing_arcsec * self.exposures

    @property
    def exposure_transparency(self) -> tuple[float, ...]:
        """Transparency of each exposure."""
        return self.transparency if len(self.transparency) > 1 else self.transparency * self.exposures

    @property
    def exposure_drift(self) -> tuple[float, ...]:
        """Motion along the slit of each exposure, arcsec."""
        return self.drift_arcsec if len(self.drift_arcsec) > 1 else self.drift_arcsec * self.exposures

    @property
    def exposure_oh(self) -> tuple[float, ...]:
        """Strength of the sky lines of each exposure, against a typical night."""
        change = self.oh_change if len(self.oh_change) > 1 else self.oh_change * self.exposures
        return tuple(self.oh_strength * factor for factor in change)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Time of one integration of each exposure, s."""
        return self.exposure_times_s or (self.exptime_s,) * self.exposures

    @property
    def mean_time_s(self) -> float:
        """Mean of them."""
        return sum(self.times_s) / self.exposures

    @property
    def exposure_flexure(self) -> tuple[tuple[float, float], ...]:
        """Shift of each exposure along dispersion and slit axis on top of the common one, px."""
        along, across = (
            values if len(values) > 1 else values * self.exposures
            for values in (self.flexure_dispersion_exposures_px, self.flexure_slit_exposures_px)
        )
        return tuple(zip(along, across, strict=True))

    def of_exposure(self, number: int) -> Scene:
        """The scene as one exposure sees it: its time, place, sky lines and flexure in the fields of the set."""
        along, across = self.exposure_flexure[number]
        still = len(self.drift_arcsec) == 1 and not self.drift_arcsec[0] and not along and not across
        if still and len(self.oh_change) == 1 and not self.exposure_times_s:
            return self
        moved = self.exposure_drift[number]
        second = None if self.second_offset_arcsec is None else self.second_offset_arcsec + moved
        changed = {
            "exptime_s": self.times_s[number], "oh_strength": self.exposure_oh[number], "offset_arcsec": self.offset_arcsec + moved,
            "second_offset_arcsec": second, "flexure_dispersion_px": self.flexure_dispersion_px + along,
            "flexure_slit_px": self.flexure_slit_px + across,
            "flexure_dispersion_order_px": {order: px + along for order, px in self.flexure_dispersion_order_px.items()},
            "flexure_slit_order_px": {order: px + across for order, px in self.flexure_slit_order_px.items()},
        }  # fmt: skip
        return self.model_copy(update=changed)

    @property
    def delivers_dark(self) -> bool:
        """Whether a master dark is part of the data set."""
        return (self.arm == "NIR" and not self.off_frame) if self.with_dark is None else self.with_dark
