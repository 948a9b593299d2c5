/* Controls of the page and its small plots. */
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const byId = (id) => document.getElementById(id);
  const root = byId("plot"), spectrum = new Spectrum(root, data.spectrum);

  /* Spectrum: choices that need a new plot, and those that need only new numbers in it. */
  const choices = { log: "checked", rest: "checked", wave: "value", flux: "value" }, numbers = { errors: "checked", hide: "checked", smooth: "value" };
  const read = (id, property) => { const box = byId(id), value = box[property]; return id === "smooth" && value !== "auto" ? Number(value) : value; };
  const greyed = () => { if (byId("flux")) byId("flux").disabled = spectrum.state.view !== "flux"; };
  for (const radio of document.querySelectorAll("input[name=view]")) radio.addEventListener("change", () => { spectrum.change({ view: radio.value }); greyed(); tools.changed(); });
  for (const [id, property] of Object.entries(choices)) if (byId(id)) byId(id).addEventListener("change", () => { spectrum.change({ [id]: read(id, property) }); tools.changed(); });
  for (const [id, property] of Object.entries(numbers)) byId(id).addEventListener("change", () => { spectrum.state[id] = read(id, property); spectrum.refresh(); tools.changed(); });
  for (const button of document.querySelectorAll(".buttons button")) button.addEventListener("click", () => spectrum.act(button.dataset.do));
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" };
  root.addEventListener("keydown", (e) => { if (keys[e.key]) { e.preventDefault(); spectrum.act(keys[e.key]); } });

  /* Lines. */
  const number = (box) => (box.validity.badInput ? NaN : Number(box.value));
  const shift = () => {
    const z = number(byId("redshift")), velocity = number(byId("velocity")), fault = redshiftFault(z, velocity);
    byId("redshift-words").textContent = fault;
    if (fault) return;
    if (spectrum.state.rest) spectrum.change({ z, velocity });
    else { Object.assign(spectrum.state, { z, velocity }); spectrum.plot.redraw(false); }
    tools.changed();
  };
  byId("redshift").addEventListener("input", shift);
  byId("velocity").addEventListener("input", shift);
  for (const name of Object.keys(spectrum.sets)) {
    const label = document.createElement("label"), box = document.createElement("input"), swatch = document.createElement("i");
    box.type = "checkbox";
    box.checked = spectrum.state.sets.has(name);
    box.dataset.set = name;
    swatch.style.setProperty("--line", LINE_COLOURS[name]);
    swatch.style.setProperty("--line-dark", ON_DARK[LINE_COLOURS[name]]);
    box.addEventListener("change", () => { spectrum.state.sets[box.checked ? "add" : "delete"](name); spectrum.plot.redraw(false); tools.changed(); });
    label.append(box, " ", swatch, name);
    byId("line-sets").append(label);
  }

  /* What is shown, put into the controls: after the address was read. */
  const show = () => {
    const { state } = spectrum;
    document.querySelector(`input[name=view][value=${state.view}]`).checked = true;
    for (const [id, property] of Object.entries({ ...choices, ...numbers })) if (byId(id)) byId(id)[property] = state[id];
    greyed();
    byId("redshift").value = state.z;
    byId("velocity").value = state.velocity;
    byId("redshift-words").textContent = "";
    for (const box of document.querySelectorAll("[data-set]")) box.checked = state.sets.has(box.dataset.set);
  };
  const tools = spectrumTools(spectrum, show);

  /* Pictures. */
  for (const radio of document.querySelectorAll("input[name=sheet]"))
    radio.addEventListener("change", () => { for (const part of document.querySelectorAll("[data-sheet]")) part.hidden = part.dataset.sheet !== radio.value; });
  const frames = document.querySelector(".frames");
  if (frames) {
    byId("trace").addEventListener("change", (e) => { frames.querySelector(".trace").style.display = e.target.checked ? "" : "none"; });
    byId("full").addEventListener("change", (e) => frames.classList.toggle("full", e.target.checked));
  }

  /* Small plots. */
  const charts = [];
  function draw(box, spec) {
    const tables = [], series = [{}], bands = [], key = document.createElement("ul");
    key.className = "key";
    const colours = theme();
    for (const entry of spec.series) {
      const colour = shade(entry.colour);
      const x = unpack(entry.x), y = unpack(entry.y), columns = [x, y];
      const at = series.length;
      series.push({
        stroke: colour, width: entry.form === "dots" ? 0 : 1.6, spanGaps: true, dash: entry.form === "dashed" ? [6, 4] : undefined,
        fill: entry.form === "area" ? colour + "33" : undefined, paths: entry.form === "dots" ? () => null : undefined,
        points: { show: entry.form === "dots", size: 3.2, width: 0, fill: colour },
      });
      if (entry.error) {
        const error = unpack(entry.error);
        columns.push(y.map((v, i) => v + error[i]), y.map((v, i) => v - error[i]));
        series.push({ stroke: "transparent", points: { show: false }, spanGaps: true }, { stroke: "transparent", points: { show: false }, spanGaps: true });
        bands.push({ series: [at + 1, at + 2], fill: colour + "55" });
      }
      tables.push(columns);
      const item = document.createElement("li"), swatch = document.createElement("i");
      swatch.style.background = colour;
      swatch.className = entry.form;
      item.append(swatch, entry.label);
      key.append(item);
    }
    const joined = uPlot.join(tables.map((columns) => columns.map((c) => Array.from(c))));
    const x = { time: false }, y = { distr: spec.log ? 3 : 1 };
    if (spec.xRange) x.range = spec.xRange;
    if (spec.yRange) y.range = spec.yRange;
    const axis = { stroke: colours.ink, font: tickFont, labelFont: labelFont, grid: { stroke: colours.grid, width: 1 }, ticks: { stroke: colours.grid, width: 1 }, values: plainNumbers };
    const plot = new uPlot({
      width: box.clientWidth, height: 250, legend: { show: false }, scales: { x, y }, series, bands, padding: [8, 12, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
      axes: [
        { label: spec.x, labelSize: 20, size: 34, ...axis },
        { label: spec.y, labelSize: 20, size: 52, ...(spec.log ? { splits: logTicks, filter: (u, ticks) => ticks } : {}), ...axis },
      ],
      hooks: { drawClear: spec.bands ? [(u) => fillBands(u, data.spectrum.bands, (nm) => nm)] : [] },
    }, joined, box);
    box.append(key);
    charts.push({ box, plot });
  }
  const drawAll = () => {
    for (const { box, plot } of charts) { plot.destroy(); box.textContent = ""; }
    charts.length = 0;
    for (const box of document.querySelectorAll("[data-chart]")) draw(box, data.charts[box.dataset.chart]);
  };
  drawAll();

  /* Light or dark as the reader's system says; light on paper. */
  const recolour = () => { spectrum.change({}); drawAll(); };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  window.addEventListener("beforeprint", () => { document.documentElement.dataset.paper = ""; recolour(); });
  window.addEventListener("afterprint", () => { delete document.documentElement.dataset.paper; recolour(); });

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
  window.soxsReport = { spectrum, charts, tools };
})();
