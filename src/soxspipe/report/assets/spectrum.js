/* The interactive spectrum: views, units, averages, error band, telluric bands, order joins, lines at a redshift, pan and zoom. */
"use strict";
const Arrays = { f4: Float32Array, f8: Float64Array, i2: Int16Array };

function unpack(packed) {
  const text = atob(packed.d), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Arrays[packed.t](bytes.buffer);
}

function wavelengths(axis) {
  if (axis.t) return unpack(axis);
  const x = new Float64Array(axis.n);
  for (let i = 0; i < axis.n; i++) x[i] = axis.start + i * axis.step;
  return x;
}

const tickFont = "12px system-ui, sans-serif", labelFont = "13px system-ui, sans-serif";
/* Ticks of a logarithmic axis: as many a decade as give three or more. */
function logTicks(u, axis, min, max) {
  let ticks = [];
  for (const steps of [[1], [1, 2, 5], [1, 1.5, 2, 3, 5, 7], Array.from({ length: 36 }, (_, i) => 1 + i / 4), Array.from({ length: 90 }, (_, i) => 1 + i / 10)]) {
    ticks = [];
    for (let decade = Math.floor(Math.log10(min)); decade <= Math.ceil(Math.log10(max)); decade++)
      for (const step of steps) if (step * 10 ** decade >= min && step * 10 ** decade <= max) ticks.push(Number((step * 10 ** decade).toPrecision(6)));
    if (ticks.length > 2) break;
  }
  return ticks;
}
const plainNumbers = (u, splits) => splits.map((v) => (v === null ? "" : String(Number(v.toPrecision(6)))));
const dashes = { "Hydrogen": [], "Helium": [6, 3], "Supernova": [2, 2], "Galaxy": [8, 3, 2, 3], "UV absorption": [4, 4], "Night sky": [1, 3] };

class Spectrum {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.cache = {};
    this.state = { view: Object.keys(data.views)[0], smooth: "auto", log: false, errors: true, hide: false, wave: "nm", flux: "flambda", rest: false, z: 0, velocity: 0, sets: new Set(["Hydrogen"]) };
    this.drawnLines = [];
    this.overlays = [];
    this.marking = false;
    this.marked = null;
    this.onMark = this.onView = () => {};
    this.sets = Object.assign({}, data.lines, data.night.length ? { "Night sky": data.night } : {});
    this.rebuild();
  }

  /* Numbers of one view, decoded once. */
  view(name) {
    if (!this.cache[name]) {
      const packed = this.data.views[name], from = packed.from ? this.view(packed.from) : null;
      if (from) {
        const value = from.value.map((v, i) => v / from.error[i]);
        this.cache[name] = Object.assign({}, from, { value: value, error: null, unit: packed.unit, density: false, scale: 1 });
      } else {
        this.cache[name] = {
          x: wavelengths(packed.wave), value: unpack(packed.value), error: packed.error ? unpack(packed.error) : null,
          quality: unpack(packed.quality), order: packed.order ? unpack(packed.order) : null, unit: packed.unit,
          density: packed.power !== undefined, scale: 10 ** (packed.power || 0),
        };
      }
    }
    return this.cache[name];
  }

  usable(view, i) {
    return Number.isFinite(view.value[i]) && !(this.state.hide && view.quality[i] !== 0);
  }

  /* Samples averaged: the number chosen, or as many as fall on one and a half screen pixels. */
  samples(view) {
    if (this.state.smooth !== "auto") return this.state.smooth;
    const { min, max } = this.plot ? this.plot.scales.x : { min: null }, size = view.x.length;
    const share = min === null || min === undefined ? 1 : (this.wavelengthAt(max) - this.wavelengthAt(min)) / (view.x[size - 1] - view.x[0]);
    const width = Math.max(200, this.root.clientWidth - 80) * (window.devicePixelRatio > 1 ? 1.5 : 1);
    return Math.max(1, 2 * Math.floor((0.75 * share * size) / width) + 1);
  }

  /* Where a wavelength (nm, air, observed) stands on the axis, and back. */
  place(nm) {
    return WAVE_UNITS[this.state.wave].factor * (this.state.rest ? atRest(nm, this.state.z) : nm);
  }
  wavelengthAt(x) {
    const nm = x / WAVE_UNITS[this.state.wave].factor;
    return this.state.rest ? atRedshift(nm, this.state.z) : nm;
  }

  /* Value and error of a flux density as the axis has it: other views stay as they are. */
  shown(view, value, error, nm) {
    if (!view.density || this.state.flux === "flambda") return [value, error];
    return inFluxUnit(this.state.flux, value * view.scale, error * view.scale, nm);
  }

  /* Unit of the vertical axis, and whether it is one of magnitudes. */
  unit(view) {
    return !view.density || this.state.flux === "flambda" ? view.unit : this.state.flux === "fnu" ? "flux density (mJy)" : "AB magnitude";
  }
  get magnitudes() {
    return this.state.flux === "ab" && this.view(this.state.view).density;
  }
  get logarithmic() {
    return this.state.log && !this.magnitudes;
  }

  columns() {
    const view = this.view(this.state.view), n = this.samples(view), size = view.x.length;
    const mean = smooth(view.value, view.error, n, this.data.correlation, (i) => this.usable(view, i));
    const x = new Float64Array(size), shown = new Array(size), low = new Array(size), high = new Array(size);
    const band = this.state.errors && view.error !== null, log = this.logarithmic, value = mean.value.slice(), error = mean.error.slice();
    for (let i = 0; i < size; i++) {
      x[i] = this.place(view.x[i]);
      [value[i], error[i]] = this.shown(view, mean.value[i], mean.error[i], view.x[i]);
      const v = value[i], ok = Number.isFinite(v) && (!log || v > 0);
      shown[i] = ok ? v : null;
      low[i] = ok && band ? (log ? Math.max(v - error[i], v / 50) : v - error[i]) : null;
      high[i] = ok && band ? v + error[i] : null;
    }
    this.current = { view, x, mean: mean.value, value, error, n };
    return [x, high, low, shown];
  }

  /* Limits that follow the object: flagged samples, and faint ones with four times the usual error, do not count. */
  yRange(u) {
    const { view, value, error } = this.current, [from, to] = u.series[0].idxs || [0, view.x.length - 1];
    const log = this.logarithmic, stride = Math.max(1, Math.floor((to - from) / 6000)), errors = [], chosen = [];
    const firm = (i) => view.error && (this.magnitudes ? error[i] < 0.36 : value[i] > 3 * error[i]); // light of 3 sigma, the faintest of which
    let faintest = this.magnitudes ? -Infinity : Infinity; // axes of magnitudes and logarithms reach
    for (let i = from; i <= to; i += stride) if (Number.isFinite(value[i])) errors.push(view.error ? error[i] : 0);
    const limit = errors.length ? 4 * percentile(errors.sort((a, b) => a - b), 0.5) : 0;
    const collect = (mask) => {
      for (let i = from; i <= to; i += stride)
        if (Number.isFinite(value[i]) && !(view.quality[i] & mask) && (!view.error || error[i] <= limit || Math.abs(value[i]) > 5 * error[i]) && (!log || value[i] > 0)) {
          chosen.push(value[i]);
          if (firm(i)) faintest = this.magnitudes ? Math.max(faintest, value[i]) : Math.min(faintest, value[i]);
        }
    };
    collect(this.data.unfair);
    if (chosen.length < 10) collect(0);
    chosen.push(...this.overlayExtremes(u).filter((v) => !log || v > 0));
    if (!chosen.length) return log ? [0.1, 10] : [0, 1];
    chosen.sort((a, b) => a - b);
    if (log) return [Math.min(percentile(chosen, 0.01) / 1.6, faintest / 1.1), percentile(chosen, 1) * 1.6];
    let low = percentile(chosen, 0.005), high = percentile(chosen, 0.995);
    if (this.state.view === "sky") high = percentile(chosen, 1);
    if (this.magnitudes) [low, high] = [Math.max(chosen[0], low - (high - low)), Math.max(high, faintest)]; // bright lines stand at the low end
    else high = Math.min(percentile(chosen, 1), high + (high - low));
    if (low > 0 && low < 0.5 * high && !this.magnitudes) low = 0;
    const pad = 0.08 * ((high - low) || Math.abs(high) || 1);
    return [low - pad, high + pad];
  }

  /* Another choice, with the same part of the spectrum in view. */
  change(choice) {
    const range = this.inView();
    Object.assign(this.state, choice);
    this.rebuild(range);
  }

  rebuild(range) {
    if (this.plot) this.plot.destroy();
    this.plot = null;
    const data = this.columns();
    this.plot = new uPlot(this.options(), data, this.root);
    this.showAllOf();
    if (range) this.zoomTo(this.place(range[0]), this.place(range[1]));
    else this.act("all");
    this.listen(this.plot.over);
  }

  options() {
    const narrow = this.root.clientWidth < 560, log = this.logarithmic, colours = theme();
    const axis = { stroke: colours.ink, font: tickFont, labelFont: labelFont, labelSize: 22, grid: { stroke: colours.grid, width: 1 }, ticks: { stroke: colours.grid, width: 1 }, values: plainNumbers };
    const frame = this.state.rest && this.state.z !== 0 ? `rest wavelength at z = ${this.state.z}, air` : "wavelength in air";
    return {
      width: this.root.clientWidth, height: narrow ? 320 : 440, legend: { show: false }, padding: [14, 12, 0, 0],
      scales: { x: { time: false, range: (u, a, b) => [a, b] }, y: { distr: log ? 3 : 1, dir: this.magnitudes ? -1 : 1, range: (u) => this.yRange(u) } },
      axes: [
        { ...axis, label: `${frame} (${WAVE_UNITS[this.state.wave].title})`, size: 36 },
        { ...axis, label: this.unit(this.current.view), size: narrow ? 46 : 62, ...(log ? { splits: logTicks, filter: (u, ticks) => ticks } : {}) },
      ],
      series: [{}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }, { stroke: colours.ink, width: 1, points: { show: false }, spanGaps: false }],
      bands: [{ series: [1, 2], fill: colours.error, ...(this.magnitudes ? { dir: -1 } : {}) }],
      cursor: {
        y: false, points: { show: false }, drag: { x: true, y: false, setScale: !this.marking },
        bind: { mousedown: (u, target, handle) => (e) => { if (e.shiftKey || e.button === 1) this.startPan(e); else return handle(e); }, dblclick: () => () => this.act("all") },
      },
      hooks: {
        drawClear: [(u) => fillBands(u, this.data.bands, (nm) => this.place(nm))], draw: [(u) => this.drawOverlays(u), (u) => this.drawMarks(u)], setCursor: [(u) => this.readout(u)],
        setScale: [(u, key) => { if (key === "x") { this.adapt(); this.onView(); } }], setSelect: [(u) => this.selected(u)],
      },
    };
  }

  /* Observed wavelengths (nm) at both ends of what is in view; nothing where that is all of it. */
  inView() {
    if (!this.plot || !this.full) return null;
    const { min, max } = this.plot.scales.x, [first, last] = this.full, slack = 1e-6 * (last - first);
    if (!(max > min)) return null; // not drawn yet
    return min <= first + slack && max >= last - slack ? null : [this.wavelengthAt(min), this.wavelengthAt(max)];
  }

  /* Ends of the axis when all is shown: the spectrum's, and those of what lies over it. */
  showAllOf() {
    const x = this.current.x, over = this.overlays.flatMap((o) => [this.place(o.x[0]), this.place(o.x[o.x.length - 1])]);
    this.full = [Math.min(x[0], ...over), Math.max(x[x.length - 1], ...over)];
  }

  /* A range was drawn with the mouse while marking: tell, and take the rectangle away. */
  selected(u) {
    if (!this.marking || u.select.width < 3) return;
    const ends = [u.select.left, u.select.left + u.select.width].map((at) => this.wavelengthAt(u.posToVal(at, "x")));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.onMark(ends);
  }
  mark(on) {
    this.marking = on;
    this.plot.cursor.drag.setScale = !on;
  }

  /* What lies over the spectrum, in the axis' unit, averaged over as much wavelength as the spectrum is. */
  overlayShown(overlay) {
    const { view, n } = this.current, step = (a) => (a[a.length - 1] - a[0]) / Math.max(1, a.length - 1);
    const wide = Math.max(1, 2 * Math.floor((n * step(view.x)) / step(overlay.x) / 2) + 1), share = this.overlayScale(overlay) / view.scale;
    const key = [this.state.view, this.state.flux, this.state.wave, this.state.rest, this.state.z, wide, share].join();
    if (overlay.key !== key) {
      const mean = smooth(overlay.value, overlay.error, Math.min(wide, 201), [], (i) => Number.isFinite(overlay.value[i]));
      overlay.key = key;
      overlay.shown = { x: Array.from(overlay.x, (nm) => this.place(nm)), y: Array.from(mean.value, (v, i) => this.shown(view, v * share, 0, overlay.x[i])[0]) };
    }
    return overlay.shown;
  }

  /* Number that an overlay is multiplied by: 1 in flux density unless it is to match, else the ratio of the two where they meet. */
  overlayScale(overlay) {
    const { view, mean } = this.current;
    if (view.density && !overlay.match) return 1;
    const ratio = matchingScale({ x: view.x, value: mean }, overlay), middle = (values) => percentile(Float64Array.from(values).filter((v) => Number.isFinite(v)).map(Math.abs).sort(), 0.5);
    return view.scale * (ratio > 0 ? ratio : middle(mean) / middle(overlay.value));
  }

  /* Views that other spectra can be compared with. */
  get comparable() {
    return this.state.view === "flux" || this.state.view === "counts";
  }

  overlayExtremes(u) {
    const { min, max } = u.scales.x;
    if (!this.comparable) return [];
    return this.overlays.flatMap((overlay) => {
      const { x, y } = this.overlayShown(overlay), seen = y.filter((v, i) => x[i] >= min && x[i] <= max && Number.isFinite(v)).sort((a, b) => a - b);
      return seen.length ? [percentile(seen, 0.01), percentile(seen, 0.99)] : [];
    });
  }

  drawOverlays(u) {
    if (!this.comparable) return;
    const { ctx, bbox } = u, { min, max } = u.scales.x;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = uPlot.pxRatio;
    for (const overlay of this.overlays) {
      const { x, y } = this.overlayShown(overlay);
      ctx.strokeStyle = shade(overlay.colour);
      ctx.beginPath();
      let joined = false;
      for (let i = 0; i < x.length; i++) {
        const drawn = Number.isFinite(y[i]) && !(this.logarithmic && y[i] <= 0);
        if (drawn && (x[Math.min(i + 1, x.length - 1)] >= min) && (x[Math.max(i - 1, 0)] <= max)) ctx[joined ? "lineTo" : "moveTo"](u.valToPos(x[i], "x", true), u.valToPos(y[i], "y", true));
        joined = drawn;
      }
      ctx.stroke();
    }
    ctx.restore();
  }

  /* After a zoom: average over another number of samples if that is left to us. */
  adapt() {
    if (this.adapting || !this.current || !this.plot || this.samples(this.current.view) === this.current.n) return;
    this.adapting = requestAnimationFrame(() => { this.adapting = 0; this.refresh(); });
  }

  refresh() {
    const { min, max } = this.plot.scales.x;
    this.plot.setData(this.columns(), false);
    this.plot.setScale("x", { min, max });
  }

  zoomTo(min, max) {
    const [first, last] = this.full, least = Math.min(0.5 * WAVE_UNITS[this.state.wave].factor, last - first);
    let width = Math.min(Math.max(max - min, least), last - first);
    let start = Math.min(Math.max(min, first), last - width);
    this.plot.setScale("x", { min: start, max: start + width });
  }

  zoomBy(factor, at) {
    const { min, max } = this.plot.scales.x, centre = at === undefined ? (min + max) / 2 : at;
    this.zoomTo(centre - (centre - min) * factor, centre + (max - centre) * factor);
  }

  panBy(share) {
    const { min, max } = this.plot.scales.x;
    this.zoomTo(min + share * (max - min), max + share * (max - min));
  }

  act(what) {
    if (what === "in") this.zoomBy(0.6);
    else if (what === "out") this.zoomBy(1 / 0.6);
    else if (what === "left") this.panBy(-0.3);
    else if (what === "right") this.panBy(0.3);
    else this.zoomTo(this.full[0], this.full[1]);
  }

  startPan(event) {
    event.preventDefault();
    const { min, max } = this.plot.scales.x, from = event.clientX, width = this.plot.over.clientWidth;
    const move = (e) => { const shift = ((from - e.clientX) / width) * (max - min); this.zoomTo(min + shift, max + shift); };
    const stop = () => { window.removeEventListener("mousemove", move); window.removeEventListener("mouseup", stop); };
    window.addEventListener("mousemove", move);
    window.addEventListener("mouseup", stop);
  }

  /* Wheel once the plot has the focus; one finger pans, two zoom. */
  listen(over) {
    over.addEventListener("wheel", (e) => {
      if (document.activeElement !== this.root && !e.ctrlKey) return;
      e.preventDefault();
      this.zoomBy(Math.exp(0.0015 * e.deltaY), this.plot.posToVal(e.offsetX, "x"));
    }, { passive: false });
    over.addEventListener("mousedown", () => this.root.focus({ preventScroll: true }));
    const fingers = new Map();
    const place = (e) => e.clientX - over.getBoundingClientRect().left;
    over.addEventListener("pointerdown", (e) => { if (e.pointerType === "touch") fingers.set(e.pointerId, place(e)); });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) over.addEventListener(end, (e) => fingers.delete(e.pointerId));
    over.addEventListener("pointermove", (e) => {
      if (!fingers.has(e.pointerId)) return;
      const was = [...fingers.values()];
      fingers.set(e.pointerId, place(e));
      const now = [...fingers.values()], { min, max } = this.plot.scales.x, unit = (max - min) / over.clientWidth;
      if (now.length === 1) this.zoomTo(min + (was[0] - now[0]) * unit, max + (was[0] - now[0]) * unit);
      else if (now.length === 2) {
        const before = Math.abs(was[0] - was[1]), after = Math.max(10, Math.abs(now[0] - now[1]));
        this.zoomBy(before / after, this.plot.posToVal((now[0] + now[1]) / 2, "x"));
      }
    });
  }

  drawMarks(u) {
    const { ctx, bbox } = u, ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = ratio;
    const colours = theme();
    if (this.marked) this.drawMarked(u, colours);
    ctx.strokeStyle = colours.edge;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    for (const nm of this.data.joins) this.rule(u, this.place(nm), bbox.top, bbox.top + bbox.height);
    this.drawnLines = this.visibleLines(u);
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    let last = -Infinity;
    for (const line of this.drawnLines) {
      const at = this.place(line.nm), x = u.valToPos(at, "x", true), room = x - last > 13 * ratio, label = line.label && room;
      ctx.strokeStyle = ctx.fillStyle = lineColour(line.set);
      ctx.setLineDash(dashes[line.set].map((d) => d * ratio));
      this.rule(u, at, bbox.top + (label ? 4 * ratio : 0), bbox.top + bbox.height * (line.set === "Night sky" ? 0.05 : 1));
      if (!label) continue;
      last = x;
      ctx.save();
      ctx.translate(x, bbox.top + 6 * ratio);
      ctx.rotate(Math.PI / 2);
      ctx.fillStyle = colours.plate;
      ctx.fillRect(-2 * ratio, -7 * ratio, ctx.measureText(line.label).width + 4 * ratio, 14 * ratio);
      ctx.fillStyle = lineColour(line.set);
      ctx.fillText(line.label, 0, 0);
      ctx.restore();
    }
    ctx.restore();
  }

  /* The marked range, and the continuum where the axis shows the numbers as they were measured. */
  drawMarked(u, colours) {
    const { ctx, bbox } = u, [from, to] = this.marked.range.map((nm) => u.valToPos(this.place(nm), "x", true)), { line } = this.marked;
    ctx.fillStyle = colours.error;
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
    if (!line || this.marked.view !== this.current.view || this.unit(this.current.view) !== this.current.view.unit) return;
    const place = (x) => [u.valToPos(x * WAVE_UNITS[this.state.wave].factor, "x", true), u.valToPos(line.level + line.slope * (x - line.middle), "y", true)];
    ctx.strokeStyle = colours.ink;
    ctx.setLineDash([3 * uPlot.pxRatio, 3 * uPlot.pxRatio]);
    ctx.beginPath();
    ctx.moveTo(...place(this.marked.ends[0]));
    ctx.lineTo(...place(this.marked.ends[1]));
    ctx.stroke();
  }

  rule(u, at, top, bottom) {
    const { min, max } = u.scales.x;
    if (at < min || at > max) return;
    const x = Math.round(u.valToPos(at, "x", true)) + 0.5;
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, bottom);
    u.ctx.stroke();
  }

  /* Lines of the chosen sets within view: set, label, and observed wavelength in air. */
  visibleLines(u) {
    const stretch = (1 + this.state.z) * (1 + this.state.velocity / LIGHT_KM_S), found = [], [min, max] = [u.scales.x.min, u.scales.x.max].map((x) => this.wavelengthAt(x));
    for (const name of this.state.sets) {
      const factor = name === "Night sky" ? 1 : stretch;
      for (const [label, nm] of this.sets[name] || []) {
        const at = toAir(nm * factor);
        if (at >= min && at <= max) found.push({ set: name, label: label, nm: at });
      }
    }
    return found.sort((a, b) => a.nm - b.nm);
  }

  readout(u) {
    const i = u.cursor.idx, box = document.getElementById("readout");
    if (i === null || i === undefined || !this.current) return;
    const { view, x, value, error, n } = this.current, { wave, z } = this.state, { factor, title } = WAVE_UNITS[wave], digits = 3 - Math.log10(factor);
    const parts = [`${(view.x[i] * factor).toFixed(digits)} ${title}`];
    if (z !== 0) parts.push(`rest ${((this.state.rest ? x[i] / factor : atRest(view.x[i], z)) * factor).toFixed(digits)} ${title}`);
    if (Number.isFinite(value[i])) parts.push(error[i] >= 0 ? `${value[i].toPrecision(4)} ± ${error[i].toPrecision(2)}` : value[i].toPrecision(4));
    else parts.push("no data");
    if (error[i] > 0) parts.push(`S/N ${(this.magnitudes ? 2.5 / Math.LN10 / error[i] : value[i] / error[i]).toFixed(1)}`);
    if (n > 1) parts.push(`mean of ${n} samples`);
    if (view.order && view.order[i]) parts.push(`order ${this.data.orders[view.order[i]]}`);
    for (const [bit, text] of Object.entries(this.data.flags)) if (view.quality[i] & Number(bit)) parts.push(text);
    box.textContent = parts.join("  ·  ");
  }

  resize() {
    this.plot.setSize({ width: this.root.clientWidth, height: this.root.clientWidth < 560 ? 320 : 440 });
  }
}
