/* Averages of neighbouring samples: pure functions of arrays. */
"use strict";

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

/* How much larger the variance of a mean of n neighbours is than that of independent samples; correlation[k] is that of samples k + 1 apart. */
function correlatedShare(correlation, n) {
  return correlation.reduce((sum, r, k) => (k + 1 < n ? sum + 2 * (1 - (k + 1) / n) * r : sum), 1);
}

/* Mean over a box of n samples (odd), weighted by inverse variance where errors are known, with the error of the mean.
   usable(i) tells which samples count; there is no value where the middle one does not, nor an error without errors. */
function smooth(value, error, n, correlation, usable) {
  const size = value.length, mean = new Float64Array(size).fill(NaN), sigma = new Float64Array(size).fill(NaN);
  const half = (n - 1) / 2, share = Math.max(0, correlatedShare(correlation, n));
  const weighs = (i) => usable(i) && (!error || error[i] > 0);
  for (let i = 0; i < size; i++) {
    if (!usable(i)) continue;
    let weights = 0, sum = 0;
    for (let k = Math.max(0, i - half); k <= Math.min(size - 1, i + half); k++) {
      if (!weighs(k)) continue;
      const weight = error ? 1 / (error[k] * error[k]) : 1;
      weights += weight;
      sum += weight * value[k];
    }
    mean[i] = weights ? sum / weights : value[i];
    if (error && weights) sigma[i] = Math.sqrt(share / weights);
  }
  return { value: mean, error: sigma };
}
