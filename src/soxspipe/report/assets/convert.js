/* Units and frames: pure functions of numbers. Wavelengths come in nm, in air, as observed. */
"use strict";
const LIGHT_KM_S = 299792.458;
const WAVE_UNITS = { nm: { factor: 1, title: "nm" }, A: { factor: 10, title: "Å" }, um: { factor: 1e-3, title: "μm" } };
const FLUX_UNITS = { flambda: "f_λ", fnu: "f_ν", ab: "AB magnitude" };

/* Refractive index of air at a vacuum wavelength in nm: Ciddor 1996. */
function airIndex(nm) {
  const s2 = 1e6 / (nm * nm);
  return 1 + 5.792105e-2 / (238.0185 - s2) + 1.67917e-3 / (57.362 - s2);
}

/* Air wavelength (nm) of a vacuum wavelength; below 200 nm wavelengths are vacuum ones by custom. */
function toAir(nm) {
  return nm < 200 ? nm : nm / airIndex(nm);
}

/* The inverse of toAir, to 1e-9 of the wavelength. */
function toVacuum(nm) {
  if (nm < 200) return nm;
  let vacuum = nm;
  for (let i = 0; i < 3; i++) vacuum = nm * airIndex(vacuum);
  return vacuum;
}

/* Wavelength in air of what left the source at redshift z, for an observed wavelength in air; atRedshift goes back. */
function atRest(nm, z) {
  return z === 0 ? nm : toAir(toVacuum(nm) / (1 + z));
}
function atRedshift(nm, z) {
  return z === 0 ? nm : toAir(toVacuum(nm) * (1 + z));
}

/* Flux per frequency in mJy of a flux per wavelength in erg/s/cm2/Å: f_nu = f_lambda λ² / c, 1 mJy = 1e-26 erg/s/cm2/Hz. */
function milliJansky(flambda, nm) {
  const angstrom = 10 * toVacuum(nm);
  return (flambda * angstrom * angstrom) / 2.99792458e18 / 1e-26;
}

/* AB magnitude of a flux in mJy: 3631 Jy is magnitude 0; NaN where there is no light. */
function abMagnitude(mJy) {
  return mJy > 0 ? -2.5 * Math.log10(mJy / 3.631e6) : NaN;
}

/* Value and error of a flux density (erg/s/cm2/Å) in one of FLUX_UNITS. */
function inFluxUnit(unit, flux, error, nm) {
  if (unit === "flambda") return [flux, error];
  const value = milliJansky(flux, nm);
  if (unit === "fnu") return [value, milliJansky(error, nm)];
  return [abMagnitude(value), flux > 0 ? (2.5 / Math.LN10) * (error / flux) : NaN];
}

/* What is wrong with a redshift and a velocity, in words; nothing if they can be used. */
function redshiftFault(z, velocity) {
  if (!Number.isFinite(z)) return "The redshift is not a number; the lines stay where they were.";
  if (z < -0.1 || z > 12) return "The redshift must lie between −0.1 and 12; the lines stay where they were.";
  if (!Number.isFinite(velocity)) return "The velocity is not a number; the lines stay where they were.";
  if (Math.abs(velocity) > 100000) return "The velocity must lie between −100 000 and 100 000 km/s; the lines stay where they were.";
  return "";
}
