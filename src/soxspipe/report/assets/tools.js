/* What is done with the interactive spectrum: other spectra over it, lines measured, files saved, its state in the address. Everything stays
   in the browser; text from files reaches the page as text alone. */
"use strict";
const OVERLAY_COLOURS = ["#d55e00", "#009e73", "#aa4499", "#0072b2"];

/* Connects the tools below the plot; show() puts the spectrum's state into the other controls. */
function spectrumTools(spectrum, show) {
  const byId = (id) => document.getElementById(id);
  const marks = markTools(spectrum, byId, () => address.write()), address = addressTools(spectrum, byId, marks, show);
  const overlays = overlayTools(spectrum, byId);
  saveTools(spectrum, byId);
  const changed = () => { marks.measure(); overlays.listed(); address.write(); };
  spectrum.onView = () => address.soon();
  address.read();
  return { changed, marks, address };
}

/* An element with text in it. */
function element(name, text, properties = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, properties);
}

function overlayTools(spectrum, byId) {
  const words = byId("overlay-words"), list = byId("overlays");
  const redraw = () => { spectrum.change({}); listed(); };
  const listed = () => list.replaceChildren(...spectrum.overlays.map((overlay) => {
    const item = element("li", ""), box = element("input", "", { type: "checkbox", checked: overlay.match }), label = element("label", ""), swatch = element("i", "");
    swatch.style.setProperty("--line", overlay.colour);
    swatch.style.setProperty("--line-dark", ON_DARK[overlay.colour]);
    box.disabled = !spectrum.current.view.density; // counts have no unit in common with it
    label.append(box, " scaled to match");
    box.addEventListener("change", () => { overlay.match = box.checked; redraw(); });
    const remove = element("button", "remove", { type: "button" });
    remove.addEventListener("click", () => { spectrum.overlays.splice(spectrum.overlays.indexOf(overlay), 1); redraw(); });
    const factor = spectrum.comparable ? spectrum.overlayScale(overlay) : 1;
    item.append(swatch, `${overlay.name} (${overlay.words}${factor === 1 ? "" : `; times ${factor.toPrecision(3)}`}) `, label, " ", remove);
    return item;
  }));
  const add = (name, text) => {
    const found = parseSpectrum(text);
    if (found.fault) { words.textContent = `${name}: ${found.fault}`; return; }
    const used = spectrum.overlays.map((o) => o.colour), colour = OVERLAY_COLOURS.find((c) => !used.includes(c)) || OVERLAY_COLOURS[0];
    const said = `${found.x.length} samples, wavelengths read as ${WAVE_UNITS[found.unit].title}` + (found.skipped ? `, ${found.skipped} lines that are not samples left out` : "");
    const overlay = { ...found, name, colour, words: said, match: false };
    if (spectrum.comparable) {
      const ratio = spectrum.overlayScale({ ...overlay, match: true });
      overlay.match = spectrum.current.view.density && (ratio > 100 || ratio < 0.01); // not in the same unit
    }
    spectrum.overlays.push(overlay);
    words.textContent = spectrum.comparable ? "" : "Choose Flux or Counts to see it.";
    redraw();
  };
  const open = async (files) => {
    for (const file of files) {
      if (file.size > LARGEST_TEXT) words.textContent = `${file.name}: too large for a spectrum as text.`;
      else await file.text().then((text) => add(file.name, text), () => { words.textContent = `${file.name}: it cannot be read.`; });
    }
  };
  byId("overlay-file").addEventListener("change", (e) => { open([...e.target.files]); e.target.value = ""; });
  window.addEventListener("dragover", (e) => e.preventDefault());
  window.addEventListener("drop", (e) => { e.preventDefault(); open([...e.dataTransfer.files]); });
  spectrum.addOverlay = add;
  return { listed };
}

/* Marks a range and says what is in it. */
function markTools(spectrum, byId, changed) {
  const from = byId("mark-from"), to = byId("mark-to"), says = byId("measured");
  const unit = () => WAVE_UNITS[spectrum.state.wave];
  const set = (range) => { spectrum.marked = range ? { range: [...range].sort((a, b) => a - b) } : null; measure(); changed(); };
  /* Samples of the range: wavelengths in nm, at rest where the axis is. */
  const samples = () => {
    const { view } = spectrum.current, [low, high] = spectrum.marked.range, at = [];
    for (let i = 0; i < view.x.length; i++) if (view.x[i] >= low && view.x[i] <= high && spectrum.usable(view, i) && view.error && view.error[i] > 0) at.push(i);
    return [at.map((i) => (spectrum.state.rest ? atRest(view.x[i], spectrum.state.z) : view.x[i])), at.map((i) => view.value[i]), at.map((i) => view.error[i])];
  };
  const measure = () => {
    if (!spectrum.marked) { from.value = to.value = says.textContent = ""; spectrum.plot.redraw(false); return; }
    const { range } = spectrum.marked, view = spectrum.current.view;
    [from.value, to.value] = range.map((nm) => Number(spectrum.place(nm).toPrecision(8)));
    if (!view.error) { spectrum.marked = { range }; says.textContent = "Choose Flux or Counts to measure a line."; spectrum.plot.redraw(false); return; }
    const [x, y, error] = samples(), found = measureLine(x, y, error, correlatedShare(spectrum.data.correlation, Math.max(1, x.length)));
    spectrum.marked = { range, ...found, view, ends: [x[0], x[x.length - 1]] };
    says.textContent = found.fault || sentence(found);
    spectrum.plot.redraw(false);
  };
  /* The line of the chosen sets that is expected nearest: its label and wavelength at the redshift, velocity left out. */
  const nearest = (centre) => {
    const { z, velocity, rest, sets } = spectrum.state, lines = [...sets].filter((name) => name !== "Night sky").flatMap((name) => spectrum.sets[name]);
    const expected = lines.map(([label, nm]) => ({ label, at: toAir(nm * (rest ? 1 : 1 + z)) })), moved = 1 + velocity / LIGHT_KM_S;
    return expected.reduce((best, line) => (!best || Math.abs(line.at * moved - centre) < Math.abs(best.at * moved - centre) ? line : best), null);
  };
  const sentence = ({ width, profile }) => {
    const { factor, title } = unit(), pair = (value, error, k = 1) => { const digits = Math.max(0, Math.min(8, 1 - Math.floor(Math.log10(error * k)))); return `${(value * k).toFixed(digits)} ± ${(error * k).toFixed(digits)}`.replace("-", "−"); };
    const said = [`Equivalent width ${pair(width.width, width.error, factor)} ${title}${width.width < 0 ? " (emission)" : ""}`];
    if (!profile) return [...said, "no Gaussian describes it, so that width and place are not measured"].join("; ") + ".";
    const perCent = LIGHT_KM_S / profile.centre, line = nearest(profile.centre);
    said.push(`centre ${pair(profile.centre, profile.centreError, factor)} ${title}`, `FWHM ${pair(profile.fwhm, profile.fwhmError, factor)} ${title}, ${pair(profile.fwhm, profile.fwhmError, perCent)} km/s`);
    if (line) { const v = lineVelocity(profile.centre, profile.centreError, line.at); said.push(`velocity ${pair(v.velocity, v.error)} km/s against ${line.label} ${line.at.toFixed(2)} nm`); }
    return said.join("; ") + (spectrum.state.rest && spectrum.state.z !== 0 ? " (rest frame)." : ".");
  };
  byId("marking").addEventListener("change", (e) => spectrum.mark(e.target.checked));
  byId("unmark").addEventListener("click", () => set(null));
  for (const box of [from, to]) box.addEventListener("change", () => {
    const range = [Number(from.value), Number(to.value)].map((x) => spectrum.wavelengthAt(x));
    if (from.value && to.value && range.every((nm) => nm > 0)) set(range);
  });
  spectrum.onMark = set;
  return { set, measure };
}

function saveTools(spectrum, byId) {
  const name = document.body.dataset.name || "spectrum";
  const save = (blob, ending) => {
    const link = element("a", "", { href: URL.createObjectURL(blob), download: `${name}_${spectrum.state.view}${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  byId("save-csv").addEventListener("click", () => save(new Blob([shownAsCsv(spectrum)], { type: "text/csv" }), ".csv"));
  byId("save-png").addEventListener("click", () => {
    const drawn = spectrum.root.querySelector("canvas"), sheet = element("canvas", "", { width: drawn.width, height: drawn.height }), ctx = sheet.getContext("2d");
    ctx.fillStyle = theme().paper;
    ctx.fillRect(0, 0, sheet.width, sheet.height);
    ctx.drawImage(drawn, 0, 0);
    sheet.toBlob((blob) => save(blob, ".png"));
  });
}

/* What is in view, as the axes show it. */
function shownAsCsv(spectrum) {
  const { view, x, value, error, n } = spectrum.current, { min, max } = spectrum.plot.scales.x, rows = [];
  for (let i = 0; i < x.length; i++) if (x[i] >= min && x[i] <= max) rows.push([x[i], value[i], error[i], view.quality[i]]);
  const axis = spectrum.options().axes.map((a) => a.label), mean = n > 1 ? [`each value is the mean of ${n} samples by inverse variance`] : [];
  return csv([document.querySelector("h1").textContent, ...axis, ...mean], ["wavelength", "value", "error", "quality"], rows);
}

/* State in the part of the address after #, so that a link brings the same view back. */
function addressTools(spectrum, byId, marks, show) {
  const finite = (low, high) => (text) => { const v = Number(text); return text !== "" && v >= low && v <= high ? v : undefined; };
  const oneOf = (names) => (text) => (names.includes(text) ? text : undefined), yes = (text) => (text === "true" ? true : text === "false" ? false : undefined);
  const pair = (text) => { const ends = text.split("|").map(Number); return ends.length === 2 && ends[0] > 0 && ends[1] > ends[0] && Number.isFinite(ends[1]) ? ends : undefined; };
  const averages = [...byId("smooth").options].map((option) => option.value);
  const rules = {
    view: oneOf(Object.keys(spectrum.data.views)), smooth: (text) => (averages.includes(text) ? (text === "auto" ? text : Number(text)) : undefined),
    log: yes, errors: yes, hide: yes, rest: yes, wave: oneOf(Object.keys(WAVE_UNITS)), flux: oneOf(Object.keys(FLUX_UNITS)),
    z: finite(-0.1, 12), velocity: finite(-1e5, 1e5), sets: (text) => text.split("|").filter((name) => Object.hasOwn(spectrum.sets, name)), range: pair, mark: pair,
  };
  const short = (range) => range.map((nm) => nm.toFixed(3));
  const shown = () => {
    const range = spectrum.inView(), state = { ...spectrum.state, sets: [...spectrum.state.sets] };
    return writeAddress({ ...state, ...(range ? { range: short(range) } : {}), ...(spectrum.marked ? { mark: short(spectrum.marked.range) } : {}) });
  };
  const untouched = shown();
  const write = () => {
    const hash = shown();
    if (hash === untouched && !location.hash.startsWith("#plot?")) return; // a page as it opens, or a link to one of its parts
    try { history.replaceState(null, "", hash); } catch { /* a browser that forbids it for local files: the view is not kept */ }
  };
  const read = () => {
    const { range, mark, sets, ...state } = readAddress(location.hash, rules);
    if (!location.hash.startsWith("#plot?")) return;
    Object.assign(spectrum.state, state, sets ? { sets: new Set(sets) } : {});
    spectrum.rebuild(range);
    show();
    if (mark) spectrum.marked = { range: mark };
    marks.measure();
  };
  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(write, 300); };
  window.addEventListener("hashchange", read);
  return { read, write, soon };
}
