/* Colours of the plots: those of the page's style, light or dark, and the same hues brighter on dark ground. */
"use strict";
const LINE_COLOURS = { "Hydrogen": "#0072b2", "Helium": "#aa4499", "Supernova": "#d55e00", "Galaxy": "#00785a", "UV absorption": "#8a5a00", "Night sky": "#6b7280" };
const ON_DARK = {
  "#1a1a1a": "#e4e7ea", "#0072b2": "#5ab4e5", "#009e73": "#35c49a", "#d55e00": "#ff8c42", "#aa4499": "#dc8fd0", "#00785a": "#35c49a", "#8a5a00": "#d9a441", "#6b7280": "#9aa3af",
};

function theme() {
  const style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { dark: of("scheme") === "dark", ink: of("ink"), grid: of("grid"), edge: of("edge"), plate: of("plate"), paper: of("paper"), error: of("error"), band: of("band"), weakBand: of("weak-band") };
}
const shade = (colour) => (theme().dark && ON_DARK[colour]) || colour;
const lineColour = (set) => shade(LINE_COLOURS[set]);

/* Telluric bands under a plot, darker where they are strong; place gives the axis' number of a wavelength. */
function fillBands(u, bands, place) {
  const { ctx, bbox } = u, { min, max } = u.scales.x, colours = theme();
  ctx.save();
  for (const [start, stop, strong] of bands) {
    const from = place(start), to = place(stop);
    if (to < min || from > max) continue;
    const a = u.valToPos(Math.max(from, min), "x", true), b = u.valToPos(Math.min(to, max), "x", true);
    ctx.fillStyle = strong ? colours.band : colours.weakBand;
    ctx.fillRect(a, bbox.top, b - a, bbox.height);
  }
  ctx.restore();
}
