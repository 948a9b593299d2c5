/* Equivalent width, width and place of a line: pure functions of arrays. */
"use strict";
const FWHM_PER_SIGMA = 2 * Math.sqrt(2 * Math.LN2);
const END_SHARE = 0.15; // of the marked range at each end is continuum: the marks are set where the line ends
const LEAST_SAMPLES = 8; // three more than the fit has parameters
const LEAST_SIGNIFICANCE = 3; // of the amplitude, below which noise is fitted

/* Inverse of a small symmetric matrix by elimination; null if it has none. */
function inverse(matrix) {
  const n = matrix.length, a = matrix.map((row, i) => [...row, ...row.map((_, k) => (i === k ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const pivot = a.slice(i).reduce((best, row, k) => (Math.abs(row[i]) > Math.abs(a[best][i]) ? i + k : best), i);
    [a[i], a[pivot]] = [a[pivot], a[i]];
    if (!(Math.abs(a[i][i]) > 1e-300)) return null;
    const scale = a[i][i];
    a[i] = a[i].map((v) => v / scale);
    for (let k = 0; k < n; k++) if (k !== i) { const factor = a[k][i]; a[k] = a[k].map((v, j) => v - factor * a[i][j]); }
  }
  return a.map((row) => row.slice(n));
}

/* Normal matrix and right-hand side of weighted least squares: rows of derivatives, residuals, errors. */
function normal(rows, residual, error) {
  const n = rows[0].length, matrix = Array.from({ length: n }, () => new Array(n).fill(0)), side = new Array(n).fill(0);
  rows.forEach((row, k) => {
    const weight = 1 / (error[k] * error[k]);
    for (let i = 0; i < n; i++) {
      side[i] += weight * row[i] * residual[k];
      for (let j = 0; j < n; j++) matrix[i][j] += weight * row[i] * row[j];
    }
  });
  return { matrix, side };
}
const times = (matrix, side) => matrix.map((row) => row.reduce((sum, v, i) => sum + v * side[i], 0));

/* Straight continuum through the samples at both ends of a range, about its middle: { level, slope, middle, gain }, or null.
   gain[i] says by how much level and slope rise with sample i. */
function continuum(x, y, error) {
  const first = x[0], width = x[x.length - 1] - first, middle = first + width / 2;
  const at = [...x.keys()].filter((i) => Math.abs(x[i] - middle) >= (0.5 - END_SHARE) * width);
  const { matrix, side } = normal(at.map((i) => [1, x[i] - middle]), at.map((i) => y[i]), at.map((i) => error[i]));
  const covariance = inverse(matrix);
  if (!covariance) return null;
  const [level, slope] = times(covariance, side);
  const gain = x.map(() => [0, 0]);
  for (const i of at) gain[i] = times(covariance, [1, x[i] - middle]).map((v) => v / (error[i] * error[i]));
  return { level, slope, middle, gain };
}

/* Width of the wavelength that each sample stands for. */
const cells = (x) => x.map((v, i) => (x[Math.min(i + 1, x.length - 1)] - x[Math.max(i - 1, 0)]) / (i > 0 && i < x.length - 1 ? 2 : 1));

/* Equivalent width, positive in absorption, against a continuum; its error counts that samples at the ends move the continuum too. */
function equivalentWidth(x, y, error, line) {
  const widths = cells(x), level = x.map((v) => line.level + line.slope * (v - line.middle));
  const sum = (term) => x.reduce((total, v, i) => total + term(i, v), 0), byLevel = (i) => (y[i] / (level[i] * level[i])) * widths[i];
  const ofLevel = sum(byLevel), ofSlope = sum((i, v) => byLevel(i) * (v - line.middle));
  const slopes = x.map((v, i) => -widths[i] / level[i] + ofLevel * line.gain[i][0] + ofSlope * line.gain[i][1]);
  return { width: sum((i) => (1 - y[i] / level[i]) * widths[i]), error: Math.sqrt(sum((i) => (slopes[i] * error[i]) ** 2)) };
}

/* Gaussian on a straight line, fitted by Levenberg and Marquardt's method: centre, FWHM, amplitude with errors, or null. */
function gaussian(x, y, error, line) {
  const above = y.map((v, i) => v - line.level - line.slope * (x[i] - line.middle)), width = x[x.length - 1] - x[0];
  const peak = above.reduce((best, v, i) => (Math.abs(v) > Math.abs(above[best]) ? i : best), 0);
  const model = (p, v) => p[0] + p[1] * (v - line.middle) + p[2] * Math.exp(-0.5 * ((v - p[3]) / p[4]) ** 2);
  const slopes = (p, v) => {
    const u = (v - p[3]) / p[4], g = Math.exp(-0.5 * u * u);
    return [1, v - line.middle, g, (p[2] * g * u) / p[4], (p[2] * g * u * u) / p[4]];
  };
  const cost = (p) => x.reduce((sum, v, i) => sum + ((y[i] - model(p, v)) / error[i]) ** 2, 0);
  let p = [line.level, line.slope, above[peak], x[peak], width / 6], chi = cost(p), damping = 1e-3;
  for (let step = 0; step < 100 && damping < 1e10; step++) {
    const { matrix, side } = normal(x.map((v) => slopes(p, v)), x.map((v, i) => y[i] - model(p, v)), error);
    const change = inverse(matrix.map((row, i) => row.map((v, j) => (i === j ? v * (1 + damping) : v))));
    if (!change) return null;
    const tried = times(change, side).map((v, i) => p[i] + v), found = cost(tried);
    if (!(found < chi)) { damping *= 10; continue; }
    const gain = chi - found;
    p = tried; chi = found; damping /= 10;
    if (gain < 1e-9 * (1 + chi)) break;
  }
  const covariance = inverse(normal(x.map((v) => slopes(p, v)), x.map(() => 0), error).matrix);
  if (!covariance) return null;
  const [, , amplitude, centre, sigma] = p, errors = covariance.map((row, i) => Math.sqrt(row[i]));
  const plausible = centre > x[0] && centre < x[x.length - 1] && Math.abs(sigma) < width && Math.abs(amplitude) > LEAST_SIGNIFICANCE * errors[2];
  return plausible ? { amplitude, centre, centreError: errors[3], fwhm: FWHM_PER_SIGMA * Math.abs(sigma), fwhmError: FWHM_PER_SIGMA * errors[4] } : null;
}

/* All that is measured of a marked line: arrays of wavelength, flux and error, samples without a value left out, and the share by which
   correlated neighbours enlarge variances. { fault } says in words why there is nothing. */
function measureLine(x, y, error, share) {
  if (x.length < LEAST_SAMPLES) return { fault: `Too few samples are marked: ${x.length}, and ${LEAST_SAMPLES} are needed.` };
  const scaled = error.map((v) => v * Math.sqrt(share)), line = continuum(x, y, scaled);
  if (!line) return { fault: "The continuum cannot be drawn through the ends of the range." };
  const weakest = Math.min(...[x[0], x[x.length - 1]].map((v) => line.level + line.slope * (v - line.middle)));
  if (!(weakest > 0)) return { fault: "The continuum is not above zero throughout the range, so that there is no equivalent width." };
  return { line, width: equivalentWidth(x, y, scaled, line), profile: gaussian(x, y, scaled, line) };
}

/* Velocity (km/s, negative approaching) of a line at `centre` that would stand at `expected`. */
function lineVelocity(centre, centreError, expected) {
  return { velocity: LIGHT_KM_S * (centre / expected - 1), error: (LIGHT_KM_S * centreError) / expected };
}
