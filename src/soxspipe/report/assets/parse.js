/* Spectra from text and text from spectra: pure functions of strings. */
"use strict";
const LARGEST_TEXT = 5e7; // bytes; a spectrum of a million lines has less

/* Unit of wavelengths by their size: from 0.3 to 2.5 μm the numbers of the three units do not overlap. */
function waveUnit(median) {
  return median > 2600 ? "A" : median > 30 ? "nm" : "um";
}

/* A spectrum from text of two or three columns (wavelength, flux, error; more are ignored), separated by blanks, commas, semicolons or tabs.
   { x (nm), value, error or null, unit, skipped }, ascending; { fault } says in words what is wrong. */
function parseSpectrum(text) {
  if (text.includes("\0")) return { fault: "This is not text. Of a FITS product take the .txt file beside it." };
  const rows = [];
  let skipped = 0;
  for (const line of text.split(/\r\n|\r|\n/)) {
    const trimmed = line.trim();
    if (!trimmed) continue;
    const cells = trimmed.split(/\s*[,;\t]\s*|\s+/), numbers = cells.slice(0, 3).map((cell) => (cell === "" ? NaN : Number(cell)));
    if (/^[#!%]/.test(trimmed) || (!rows.length && Number.isNaN(numbers[0]))) continue; // remarks and names of columns
    if (cells.length > 1 && numbers[0] > 0 && Number.isFinite(numbers[0]) && Number.isFinite(numbers[1])) rows.push(numbers);
    else skipped += 1;
  }
  if (rows.length < 2) return { fault: "No two columns of numbers were found in it: wavelength and flux, with an error if there is one." };
  rows.sort((a, b) => a[0] - b[0]);
  const distinct = rows.filter((row, i) => i === 0 || row[0] > rows[i - 1][0]), unit = waveUnit(distinct[distinct.length >> 1][0]);
  const withErrors = distinct.every((row) => row[2] >= 0);
  return {
    x: Float64Array.from(distinct, (row) => row[0] / WAVE_UNITS[unit].factor),
    value: Float64Array.from(distinct, (row) => row[1]),
    error: withErrors ? Float64Array.from(distinct, (row) => row[2]) : null,
    unit, skipped: skipped + rows.length - distinct.length,
  };
}

/* Median of ours over theirs where both are, at their wavelengths; NaN if they do not meet. */
function matchingScale(ours, theirs) {
  const ratios = [];
  let k = 0;
  for (let i = 0; i < theirs.x.length; i++) {
    while (k < ours.x.length - 1 && ours.x[k + 1] <= theirs.x[i]) k++;
    const covered = theirs.x[i] >= ours.x[0] && theirs.x[i] <= ours.x[ours.x.length - 1];
    if (covered && Number.isFinite(ours.value[k]) && theirs.value[i] !== 0) ratios.push(ours.value[k] / theirs.value[i]);
  }
  return ratios.length ? percentile(ratios.sort((a, b) => a - b), 0.5) : NaN;
}

/* CSV with remarks above it; a value that is not finite leaves its cell empty. */
function csv(remarks, names, rows) {
  const cell = (v) => (Number.isFinite(v) ? String(Number(v.toPrecision(9))) : "");
  return [...remarks.map((text) => `# ${text.replace(/[\r\n]+/g, " ")}`), names.join(","), ...rows.map((row) => row.map(cell).join(","))].join("\n") + "\n";
}

/* The page's state as the part of its address after #, and back; what does not suit is left at its default. */
function writeAddress(state) {
  return "#plot?" + new URLSearchParams(Object.entries(state).map(([key, value]) => [key, Array.isArray(value) ? value.join("|") : String(value)])).toString();
}
function readAddress(hash, rules) {
  if (!hash.startsWith("#plot?")) return {};
  const given = new URLSearchParams(hash.slice("#plot?".length)), found = {};
  for (const [key, rule] of Object.entries(rules)) if (given.has(key)) { const value = rule(given.get(key)); if (value !== undefined) found[key] = value; }
  return found;
}
