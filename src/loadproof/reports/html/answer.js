"use strict";
// The picture of an answer: one Plotly figure of panels above each other, as Loadproof described it.

const SYMBOLS = { dots: "circle", crosses: "x", rings: "circle-open", intervals: "circle" };
const TINT = 0.16;

function faint(ink, share) {
  const [red, green, blue] = colour(ink).match(/[\d.]+/g);
  return `rgba(${red}, ${green}, ${blue}, ${share})`;
}

class AnswerFigure {
  constructor(figure, picture) {
    this.figure = figure;
    this.plot = figure.querySelector(".plot");
    this.picture = picture;
  }

  get width() { return Math.max(40, this.plot.clientWidth - this.left - MARGIN.r); }

  // Names of rows stand beside the plot, or above their rows where there is no room.
  get left() {
    const rows = this.picture.panels[0].rows;
    if (!rows.length) return MARGIN.l;
    if (this.narrow) return MARGIN.r;
    return Math.min(330, 16 + 6.4 * Math.max(...rows.map((row) => row.length)));
  }

  // What an axis measures is written above it, where the picture's own title does not say it.
  get titled() {
    const { panels, title } = this.picture;
    return panels.length > 1 || !title.includes(panels[0].title);
  }

  get bottom() { return this.picture.x.title ? 46 : 24; }

  get narrow() { return this.plot.clientWidth < 620; }

  draw() {
    const { picture } = this;
    const { panels, x } = picture;
    const height = panels[0].rows.length ? 68 + panels[0].rows.length * (this.narrow ? 40 : 26) : 0;
    if (height) this.plot.style.height = `${height}px`;
    const names = this.names();
    const layout = {
      ...baseLayout(this.plot), hovermode: "closest", dragmode: false,
      xaxis: axis({ ...this.along(), anchor: panels.length > 1 ? `y${panels.length}` : "y" }),
      shapes: [...this.tints(), ...this.rules()], annotations: [...names.found, ...this.rowNames()],
    };
    layout.margin = { ...MARGIN, l: this.left, t: 10 + 16 * names.rows, b: this.bottom };
    panels.forEach((panel, n) => { layout[n ? `yaxis${n + 1}` : "yaxis"] = axis(this.up(panel, n)); });
    legend(this.figure, this.entries());
    Plotly.react(this.plot, picture.layers.map((layer) => this.trace(layer)), layout, CONFIG);
    this.x = x;
  }

  along() {
    const { unit, range, log, names, title } = this.picture.x;
    const seen = log ? range.map(Math.log10) : range;
    const common = { range: seen, type: log ? "log" : "linear", fixedrange: true, title: { text: title, standoff: 6 } };
    if (names.length) {
      const every = Math.ceil(names.length / Math.max(1, Math.floor(this.width / 90)));
      const places = names.map((_, n) => n).filter((n) => n % every === 0);
      return { ...common, tickvals: places, ticktext: places.map((n) => names[n]), showgrid: false, tickangle: 0 };
    }
    const most = this.width / (unit === "time" ? 70 : 80);
    const values = distinct(log ? along(...range, unit, most) : ticks(...range, unit, most), unit);
    return { ...common, tickvals: values, ticktext: values.map((v) => format(v, unit)), showgrid: unit === "ratio" };
  }

  up(panel, n) {
    const share = 1 / this.picture.panels.length;
    const gap = n ? 0.13 : 0;
    const common = { domain: [1 - (n + 1) * share, 1 - n * share - gap], fixedrange: true };
    if (panel.rows.length) {
      const [low, high] = panel.range;
      return { ...common, range: [high, low], tickvals: [], showgrid: false };
    }
    const [low, high] = panel.range;
    const most = this.plot.clientHeight / this.picture.panels.length / 36;
    const values = distinct((panel.log ? along : ticks)(low, high, panel.unit, most), panel.unit);
    return {
      ...common, range: panel.log ? [Math.log10(low), Math.log10(high)] : [low, high],
      zeroline: !panel.log, zerolinecolor: colour("line"), type: panel.log ? "log" : "linear", tickvals: values, ticktext: values.map((v) => format(v, panel.unit)),
    };
  }

  trace(layer) {
    const { panels, x } = this.picture;
    const panel = panels[layer.panel];
    const line = layer.shape === "line" || layer.shape === "dashes";
    const said = (at, n) => {
      const place = x.names.length ? x.names[at] : format(at, x.unit);
      return `${place}: ${layer.name || panel.title} ${format(layer.y[n], panel.unit)}`;
    };
    const ink = colour(layer.ink);
    const made = {
      x: layer.x, y: layer.y, yaxis: layer.panel ? `y${layer.panel + 1}` : "y", type: "scatter",
      mode: line ? "lines" : "markers", connectgaps: false, cliponaxis: line,
      text: layer.texts.length ? layer.texts : layer.x.map(said), hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: SYMBOLS[layer.shape], size: this.plot.clientHeight < 250 ? 6 : 9, color: ink, line: { width: 1.5, color: ink } },
      line: { color: ink, width: layer.shape === "dashes" ? 1.3 : 1.8, dash: layer.shape === "dashes" ? "5px,4px" : "solid" },
    };
    if (layer.shape === "intervals") {
      made.cliponaxis = true;
      made.error_x = {
        type: "data", symmetric: false, color: ink, thickness: 2.5, width: 5,
        array: layer.high.map((high, n) => high - layer.x[n]), arrayminus: layer.low.map((low, n) => layer.x[n] - low),
      };
    }
    return made;
  }

  tints() {
    return this.picture.tints.map((tint) => ({
      type: "rect", layer: "below", xref: "x", x0: tint.low, x1: tint.high, line: { width: 0 }, fillcolor: faint(tint.ink, TINT),
      ...(tint.row === null ? { yref: "paper", y0: 0, y1: 1 } : { yref: "y", y0: tint.row - 0.5, y1: tint.row + 0.5 }),
    }));
  }

  rules() {
    return this.picture.rules.filter((rule) => this.shown(rule)).map((rule) => ({
      type: "line", line: { color: colour(rule.ink), width: 1.4, dash: rule.panel === null ? "solid" : "6px,4px" },
      ...(rule.panel === null
        ? { xref: "x", x0: rule.at, x1: rule.at, yref: "paper", y0: 0, y1: 1 }
        : { xref: "paper", x0: 0, x1: 1, yref: rule.panel ? `y${rule.panel + 1}` : "y", y0: rule.at, y1: rule.at }),
    }));
  }

  shown(rule) {
    const [low, high] = rule.panel === null ? this.picture.x.range : this.picture.panels[rule.panel].range;
    return rule.at >= low && rule.at <= high;
  }

  place(value) {
    const { range, log } = this.picture.x;
    const [at, low, high] = [value, ...range].map((v) => (log ? Math.log10(v) : v));
    return (at - low) / (high - low);
  }

  // Of a value in pixels below the top of its panel, as high as panels are together.
  height(n, value) {
    const { range, log } = this.picture.panels[n];
    const [at, low, high] = [value, ...range].map((v) => (log ? Math.log10(v) : v));
    return ((this.plot.clientHeight - this.bottom - 26) / this.picture.panels.length) * (1 - (at - low) / (high - low));
  }

  // What a panel shows, in pixels: lines by their points, every other point by itself.
  lines(n) {
    const of = this.picture.layers.filter((layer) => layer.panel === n);
    return of.flatMap((layer) => {
      const points = layer.x.map((x, k) => [this.place(x) * this.width, layer.y[k] === null ? NaN : this.height(n, layer.y[k])]);
      return layer.shape === "line" || layer.shape === "dashes" ? [points] : points.map((point) => [point]);
    });
  }

  // What rules mean, of upright ones above the plot: never over what was measured.
  names() {
    const { panels } = this.picture;
    const font = { size: 11 };
    const ground = { showarrow: false, bgcolor: colour("surface"), opacity: 0.9, borderpad: 1 };
    const taken = this.titled ? [{ row: 0, from: 0, to: 7 * panels[0].title.length }] : [];
    const found = [];
    const upright = this.picture.rules.filter((rule) => rule.panel === null && this.shown(rule));
    for (const rule of upright.sort((a, b) => a.at - b.at)) {
      const long = 6.3 * rule.name.length + 4;
      const from = Math.max(0, Math.min(this.place(rule.at) * this.width, this.width - long));
      let row = 0;
      while (taken.some((other) => other.row === row && from < other.to && from + long > other.from)) row += 1;
      taken.push({ row, from, to: from + long });
      found.push({
        ...ground, text: escaped(rule.name), font: { ...font, color: colour(rule.ink) }, xref: "paper", x: from / this.width,
        xanchor: "left", xshift: -1, yref: "paper", y: 1, yanchor: "bottom", yshift: 1 + 16 * row,
      });
    }
    for (const rule of this.picture.rules.filter((one) => one.panel !== null && this.shown(one))) {
      const { log } = panels[rule.panel];
      const at = side(rule.name, this.height(rule.panel, rule.at), this.width, this.lines(rule.panel));
      found.push({
        ...ground, text: escaped(rule.name), font: { ...font, color: colour(rule.ink) }, xref: "paper", x: at === "left" ? 0 : 1, xanchor: at,
        yref: rule.panel ? `y${rule.panel + 1}` : "y", y: log ? Math.log10(rule.at) : rule.at, yanchor: "bottom",
      });
    }
    if (this.titled) {
      panels.forEach((panel, n) => found.push({
        text: escaped(panel.title), font: { size: 12, color: colour("ink") }, showarrow: false, xref: "paper", x: 0, xanchor: "left",
        yref: "paper", y: 1 - n / panels.length - (n ? 0.13 : 0), yanchor: "bottom", yshift: 1,
      }));
    }
    return { found, rows: Math.max(0, ...taken.map((one) => one.row + 1)) };
  }

  rowNames() {
    return this.picture.panels[0].rows.map((row, n) => ({
      text: escaped(row), font: { size: 12, color: colour("ink") }, showarrow: false, yref: "y", y: n,
      xref: "paper", x: 0, bgcolor: colour("surface"), opacity: this.narrow ? 0.85 : 1,
      ...(this.narrow ? { xanchor: "left", yshift: 15 } : { xanchor: "right", xshift: -8 }),
    }));
  }

  // One for each name, also of grounds: nothing in the picture is without a word.
  entries() {
    const { layers, tints } = this.picture;
    const named = [...layers.map((layer) => ({ name: layer.name, colour: layer.ink, shape: layer.shape })),
      ...tints.map((tint) => ({ name: tint.name, colour: tint.ink, shape: "tint" }))];
    return named.filter((entry, n) => entry.name && named.findIndex((other) => other.name === entry.name) === n);
  }

  // All that is drawn as comma-separated values.
  rows() {
    const { layers, panels, x } = this.picture;
    const head = [x.title, "panel", "series", "value", "low", "high", "words"];
    return [head, ...layers.flatMap((layer) => layer.x.map((at, n) => [
      x.names.length ? x.names[at] : at, panels[layer.panel].title, layer.name,
      panels[layer.panel].rows[layer.y[n]] ?? layer.y[n] ?? "", layer.low[n] ?? "", layer.high[n] ?? "", layer.texts[n] ?? "",
    ]))];
  }
}

// Of a logarithmic axis, so many at most: tens alone where more find no room.
function along(low, high, unit, most) {
  if (high / low < 8) return ticks(low, high, unit, most);
  const fine = logTicks(low, high);
  return fine.length <= most ? fine : fine.filter((value) => Math.abs(Math.log10(value) % 1) < 1e-9);
}

// Plotly takes some markup in its texts; names of a service are none.
function escaped(text) {
  return text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
}
