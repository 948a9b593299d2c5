/* The interactive spectrum: views, smoothing, error band, telluric bands, order joins, lines at a redshift, pan and zoom. */
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

/* Air wavelength (nm) of a vacuum wavelength redward of 200 nm: Ciddor 1996. */
function toAir(nm) {
  if (nm < 200) return nm;
  const s2 = 1e6 / (nm * nm);
  return nm / (1 + 5.792105e-2 / (238.0185 - s2) + 1.67917e-3 / (57.362 - s2));
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
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
const lineColours = { "Hydrogen": "#0072b2", "Helium": "#aa4499", "Supernova": "#d55e00", "Galaxy": "#00785a", "UV absorption": "#8a5a00", "Night sky": "#6b7280" };
const dashes = { "Hydrogen": [], "Helium": [6, 3], "Supernova": [2, 2], "Galaxy": [8, 3, 2, 3], "UV absorption": [4, 4], "Night sky": [1, 3] };

class Spectrum {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.cache = {};
    this.state = { view: Object.keys(data.views)[0], smooth: "auto", log: false, errors: true, hide: false, z: 0, velocity: 0, sets: new Set(["Hydrogen"]) };
    this.drawnLines = [];
    this.sets = Object.assign({}, data.lines, data.night.length ? { "Night sky": data.night } : {});
    this.rebuild();
  }

  /* Numbers of one view, decoded once. */
  view(name) {
    if (!this.cache[name]) {
      const packed = this.data.views[name], from = packed.from ? this.view(packed.from) : null;
      if (from) {
        const value = from.value.map((v, i) => v / from.error[i]);
        this.cache[name] = Object.assign({}, from, { value: value, error: null, unit: packed.unit });
      } else {
        this.cache[name] = {
          x: wavelengths(packed.wave), value: unpack(packed.value), error: packed.error ? unpack(packed.error) : null,
          quality: unpack(packed.quality), order: packed.order ? unpack(packed.order) : null, unit: packed.unit,
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
    const share = min === null || min === undefined ? 1 : (max - min) / (view.x[size - 1] - view.x[0]);
    const width = Math.max(200, this.root.clientWidth - 80) * (window.devicePixelRatio > 1 ? 1.5 : 1);
    return Math.max(1, 2 * Math.floor((0.75 * share * size) / width) + 1);
  }

  /* Running mean over n samples with its error, neighbours' correlation included. */
  smoothed(view, n) {
    const size = view.x.length, value = new Float64Array(size), error = new Float64Array(size);
    let share = 1;
    this.data.correlation.forEach((r, k) => { if (k + 1 < n) share += 2 * (1 - (k + 1) / n) * r; });
    const half = (n - 1) / 2;
    let sum = 0, squares = 0, count = 0;
    const add = (i, sign) => {
      if (i < 0 || i >= size || !this.usable(view, i)) return;
      sum += sign * view.value[i];
      squares += sign * (view.error ? view.error[i] * view.error[i] : 0);
      count += sign;
    };
    for (let i = -half; i < half; i++) add(i, 1);
    for (let i = 0; i < size; i++) {
      add(i + half, 1);
      value[i] = count && this.usable(view, i) ? sum / count : NaN;
      error[i] = count ? Math.sqrt(Math.max(0, squares * (n > 1 ? share : 1))) / count : NaN;
      add(i - half, -1);
    }
    return { value, error };
  }

  columns() {
    const view = this.view(this.state.view), n = this.samples(view), { value, error } = this.smoothed(view, n), size = view.x.length;
    const shown = new Array(size), low = new Array(size), high = new Array(size);
    const band = this.state.errors && view.error !== null, floor = this.state.log ? 0 : -Infinity;
    for (let i = 0; i < size; i++) {
      const v = value[i], ok = Number.isFinite(v) && v > floor;
      shown[i] = ok ? v : null;
      low[i] = ok && band ? (this.state.log ? Math.max(v - error[i], v / 50) : v - error[i]) : null;
      high[i] = ok && band ? v + error[i] : null;
    }
    this.current = { view, value, error, n };
    return [view.x, high, low, shown];
  }

  /* Limits that follow the object: flagged samples, and faint ones with four times the usual error, have no say. */
  yRange(u) {
    const { view, value, error } = this.current, [from, to] = u.series[0].idxs || [0, view.x.length - 1];
    const stride = Math.max(1, Math.floor((to - from) / 6000)), errors = [], chosen = [];
    for (let i = from; i <= to; i += stride) if (Number.isFinite(value[i])) errors.push(view.error ? error[i] : 0);
    const limit = errors.length ? 4 * percentile(errors.sort((a, b) => a - b), 0.5) : 0;
    const collect = (mask) => {
      for (let i = from; i <= to; i += stride)
        if (Number.isFinite(value[i]) && !(view.quality[i] & mask) && (!view.error || error[i] <= limit || Math.abs(value[i]) > 5 * error[i]) && (!this.state.log || value[i] > 0)) chosen.push(value[i]);
    };
    collect(this.data.unfair);
    if (chosen.length < 10) collect(0);
    if (!chosen.length) return this.state.log ? [0.1, 10] : [0, 1];
    chosen.sort((a, b) => a - b);
    if (this.state.log) return [percentile(chosen, 0.01) / 1.6, percentile(chosen, 1) * 1.6];
    let low = percentile(chosen, 0.005), high = percentile(chosen, 0.995);
    if (this.state.view === "sky") high = percentile(chosen, 1);
    high = Math.min(percentile(chosen, 1), high + (high - low));
    if (low > 0 && low < 0.5 * high) low = 0;
    const pad = 0.08 * ((high - low) || Math.abs(high) || 1);
    return [low - pad, high + pad];
  }

  rebuild() {
    const old = this.plot, range = old ? [old.scales.x.min, old.scales.x.max] : null;
    if (old) old.destroy();
    const data = this.columns(), full = [data[0][0], data[0][data[0].length - 1]];
    this.full = full;
    const narrow = this.root.clientWidth < 560, log = this.state.log;
    this.plot = new uPlot({
      width: this.root.clientWidth, height: narrow ? 320 : 440, legend: { show: false }, padding: [14, 12, 0, 0],
      scales: { x: { time: false, range: (u, a, b) => [a, b] }, y: { distr: log ? 3 : 1, range: (u) => this.yRange(u) } },
      axes: [
        { label: "wavelength in air (nm)", labelSize: 22, size: 36, stroke: "#16191d", font: tickFont, labelFont: labelFont, grid: { stroke: "#eef0f3", width: 1 }, values: plainNumbers },
        { label: this.current.view.unit, labelSize: 22, size: narrow ? 46 : 62, ...(log ? { splits: logTicks, filter: (u, ticks) => ticks } : {}), stroke: "#16191d", font: tickFont, labelFont: labelFont, grid: { stroke: "#eef0f3", width: 1 }, values: plainNumbers },
      ],
      series: [{}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }, { stroke: "#16191d", width: 1, points: { show: false }, spanGaps: false }],
      bands: [{ series: [1, 2], fill: "rgba(0,114,178,0.28)" }],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false }, bind: { mousedown: (u, target, handle) => (e) => { if (e.shiftKey || e.button === 1) this.startPan(e); else return handle(e); } } },
      hooks: { drawClear: [(u) => this.drawBands(u)], draw: [(u) => this.drawMarks(u)], setCursor: [(u) => this.readout(u)], setScale: [(u, key) => { if (key === "x") this.adapt(); }] },
    }, data, this.root);
    if (range) this.zoomTo(range[0], range[1]);
    this.listen(this.plot.over);
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
    const [first, last] = this.full, least = Math.min(0.5, last - first);
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

  drawBands(u) {
    const { ctx, bbox } = u, { min, max } = u.scales.x;
    ctx.save();
    for (const [start, stop, strong] of this.data.bands) {
      if (stop < min || start > max) continue;
      const a = u.valToPos(Math.max(start, min), "x", true), b = u.valToPos(Math.min(stop, max), "x", true);
      ctx.fillStyle = strong ? "#e6e8eb" : "#f2f3f5";
      ctx.fillRect(a, bbox.top, b - a, bbox.height);
    }
    ctx.restore();
  }

  drawMarks(u) {
    const { ctx, bbox } = u, ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = ratio;
    ctx.strokeStyle = "#8a929b";
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    for (const nm of this.data.joins) this.rule(u, nm, bbox.top, bbox.top + bbox.height);
    this.drawnLines = this.visibleLines(u);
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    let last = -Infinity;
    for (const line of this.drawnLines) {
      const x = u.valToPos(line.nm, "x", true), room = x - last > 13 * ratio, label = line.label && room;
      ctx.strokeStyle = ctx.fillStyle = lineColours[line.set];
      ctx.setLineDash(dashes[line.set].map((d) => d * ratio));
      this.rule(u, line.nm, bbox.top + (label ? 4 * ratio : 0), bbox.top + bbox.height * (line.set === "Night sky" ? 0.05 : 1));
      if (!label) continue;
      last = x;
      ctx.save();
      ctx.translate(x, bbox.top + 6 * ratio);
      ctx.rotate(Math.PI / 2);
      ctx.fillStyle = "rgba(255,255,255,0.85)";
      ctx.fillRect(-2 * ratio, -7 * ratio, ctx.measureText(line.label).width + 4 * ratio, 14 * ratio);
      ctx.fillStyle = lineColours[line.set];
      ctx.fillText(line.label, 0, 0);
      ctx.restore();
    }
    ctx.restore();
  }

  rule(u, nm, top, bottom) {
    const { min, max } = u.scales.x;
    if (nm < min || nm > max) return;
    const x = Math.round(u.valToPos(nm, "x", true)) + 0.5;
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, bottom);
    u.ctx.stroke();
  }

  /* Lines of the chosen sets within view: set, label, and observed wavelength in air. */
  visibleLines(u) {
    const stretch = (1 + this.state.z) * (1 + this.state.velocity / 299792.458), found = [], { min, max } = u.scales.x;
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
    const { view, value, error, n } = this.current, z = (1 + this.state.z) * (1 + this.state.velocity / 299792.458) - 1;
    const parts = [`${view.x[i].toFixed(3)} nm`];
    if (z !== 0) parts.push(`rest ${(view.x[i] / (1 + z)).toFixed(3)} nm`);
    if (Number.isFinite(value[i])) parts.push(view.error ? `${value[i].toPrecision(4)} ± ${error[i].toPrecision(2)}` : value[i].toPrecision(4));
    else parts.push("no data");
    if (view.error && error[i] > 0) parts.push(`S/N ${(value[i] / error[i]).toFixed(1)}`);
    if (n > 1) parts.push(`mean of ${n} samples`);
    if (view.order && view.order[i]) parts.push(`order ${this.data.orders[view.order[i]]}`);
    for (const [bit, text] of Object.entries(this.data.flags)) if (view.quality[i] & Number(bit)) parts.push(text);
    box.textContent = parts.join("  ·  ");
  }

  resize() {
    this.plot.setSize({ width: this.root.clientWidth, height: this.root.clientWidth < 560 ? 320 : 440 });
  }
}
