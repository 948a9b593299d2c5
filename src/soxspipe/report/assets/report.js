/* Controls of the page and its small plots. */
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const byId = (id) => document.getElementById(id);
  const root = byId("plot"), spectrum = new Spectrum(root, data.spectrum);

  /* Spectrum. */
  for (const radio of document.querySelectorAll("input[name=view]"))
    radio.addEventListener("change", () => { spectrum.state.view = radio.value; spectrum.rebuild(); });
  byId("smooth").addEventListener("change", (e) => { spectrum.state.smooth = e.target.value === "auto" ? "auto" : Number(e.target.value); spectrum.refresh(); });
  byId("log").addEventListener("change", (e) => { spectrum.state.log = e.target.checked; spectrum.rebuild(); });
  byId("errors").addEventListener("change", (e) => { spectrum.state.errors = e.target.checked; spectrum.refresh(); });
  byId("hide").addEventListener("change", (e) => { spectrum.state.hide = e.target.checked; spectrum.refresh(); });
  for (const button of document.querySelectorAll(".buttons button")) button.addEventListener("click", () => spectrum.act(button.dataset.do));
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" };
  root.addEventListener("keydown", (e) => { if (keys[e.key]) { e.preventDefault(); spectrum.act(keys[e.key]); } });

  /* Lines. */
  const shift = () => {
    const z = Number(byId("redshift").value), velocity = Number(byId("velocity").value);
    if (!Number.isFinite(z) || !Number.isFinite(velocity) || z <= -1) return;
    spectrum.state.z = z;
    spectrum.state.velocity = velocity;
    spectrum.plot.redraw(false);
  };
  byId("redshift").addEventListener("input", shift);
  byId("velocity").addEventListener("input", shift);
  for (const name of Object.keys(spectrum.sets)) {
    const label = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("i");
    box.type = "checkbox";
    box.checked = spectrum.state.sets.has(name);
    box.dataset.set = name;
    swatch.style.background = lineColours[name];
    box.addEventListener("change", () => { spectrum.state.sets[box.checked ? "add" : "delete"](name); spectrum.plot.redraw(false); });
    label.append(box, " ", swatch, name);
    byId("line-sets").append(label);
  }

  /* Pictures. */
  for (const radio of document.querySelectorAll("input[name=sheet]"))
    radio.addEventListener("change", () => { for (const part of document.querySelectorAll("[data-sheet]")) part.hidden = part.dataset.sheet !== radio.value; });
  const frames = document.querySelector(".frames");
  if (frames) {
    byId("trace").addEventListener("change", (e) => { frames.querySelector(".trace").style.display = e.target.checked ? "" : "none"; });
    byId("full").addEventListener("change", (e) => frames.classList.toggle("full", e.target.checked));
  }

  /* Small plots. */
  const bandsOf = (u) => {
    for (const [start, stop, strong] of data.spectrum.bands) {
      const { min, max } = u.scales.x;
      if (stop < min || start > max) continue;
      const a = u.valToPos(Math.max(start, min), "x", true), b = u.valToPos(Math.min(stop, max), "x", true);
      u.ctx.fillStyle = strong ? "#e6e8eb" : "#f2f3f5";
      u.ctx.fillRect(a, u.bbox.top, b - a, u.bbox.height);
    }
  };
  const charts = [];
  function draw(box, spec) {
    const tables = [], series = [{}], bands = [], key = document.createElement("ul");
    key.className = "key";
    for (const entry of spec.series) {
      const x = unpack(entry.x), y = unpack(entry.y), columns = [x, y];
      const at = series.length;
      series.push({
        stroke: entry.colour, width: entry.form === "dots" ? 0 : 1.6, spanGaps: true, dash: entry.form === "dashed" ? [6, 4] : undefined,
        fill: entry.form === "area" ? entry.colour + "33" : undefined, paths: entry.form === "dots" ? () => null : undefined,
        points: { show: entry.form === "dots", size: 3.2, width: 0, fill: entry.colour },
      });
      if (entry.error) {
        const error = unpack(entry.error);
        columns.push(y.map((v, i) => v + error[i]), y.map((v, i) => v - error[i]));
        series.push({ stroke: "transparent", points: { show: false }, spanGaps: true }, { stroke: "transparent", points: { show: false }, spanGaps: true });
        bands.push({ series: [at + 1, at + 2], fill: entry.colour + "55" });
      }
      tables.push(columns);
      const item = document.createElement("li"), swatch = document.createElement("i");
      swatch.style.background = entry.colour;
      swatch.className = entry.form;
      item.append(swatch, entry.label);
      key.append(item);
    }
    const joined = uPlot.join(tables.map((columns) => columns.map((c) => Array.from(c))));
    const x = { time: false }, y = { distr: spec.log ? 3 : 1 };
    if (spec.xRange) x.range = spec.xRange;
    if (spec.yRange) y.range = spec.yRange;
    const plot = new uPlot({
      width: box.clientWidth, height: 250, legend: { show: false }, scales: { x, y }, series, bands, padding: [8, 12, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      axes: [
        { label: spec.x, labelSize: 20, size: 34, stroke: "#16191d", font: tickFont, labelFont: labelFont, grid: { stroke: "#eef0f3", width: 1 }, values: plainNumbers },
        { label: spec.y, labelSize: 20, size: 52, ...(spec.log ? { splits: logTicks, filter: (u, ticks) => ticks } : {}), stroke: "#16191d", font: tickFont, labelFont: labelFont, grid: { stroke: "#eef0f3", width: 1 }, values: plainNumbers },
      ],
      hooks: { drawClear: spec.bands ? [bandsOf] : [] },
    }, joined, box);
    box.append(key);
    charts.push({ box, plot });
  }
  for (const box of document.querySelectorAll("[data-chart]")) draw(box, data.charts[box.dataset.chart]);

  /* Page. */
  const copy = document.querySelector("[data-do=copy]");
  if (copy) copy.addEventListener("click", () => {
    navigator.clipboard.writeText(byId("command").textContent).then(() => { copy.textContent = "copied"; }, () => { copy.textContent = "copy by hand"; });
  });
  let pending = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      spectrum.resize();
      for (const { box, plot } of charts) plot.setSize({ width: box.clientWidth, height: 250 });
    });
  });
  window.soxsReport = { spectrum, charts };
})();
