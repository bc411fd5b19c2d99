"use strict";
// One chart: a Plotly figure in the page's own colours, with its values written beside its title.

const MARGIN = { l: 76, r: 14, t: 8, b: 22 };
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: false, showTips: false };

function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// The size is told each time: Plotly itself keeps the one that it measured first.
function baseLayout(plot) {
  const font = { family: getComputedStyle(document.body).fontFamily, size: 11, color: colour("quiet") };
  return {
    width: plot.clientWidth, height: plot.clientHeight, margin: { ...MARGIN }, font, showlegend: false, hovermode: false, paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)", dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    hoverlabel: {
      bgcolor: colour("surface"), bordercolor: colour("line"), font: { ...font, size: 12, color: colour("ink") },
    },
  };
}

function axis(extra) {
  return {
    gridcolor: colour("faint"), linecolor: colour("line"), tickcolor: colour("line"), zeroline: false,
    automargin: false, ...extra,
  };
}

function legend(figure, entries, remarks = []) {
  const box = figure.querySelector(".legend");
  box.replaceChildren(...entries.map((entry) => {
    const item = document.createElement("span");
    const line = document.createElement("i");
    line.className = entry.shape || "line";
    line.style.color = `var(--${entry.colour})`;
    if (entry.dash) line.style.borderTopStyle = "dashed";
    const value = document.createElement("b");
    item.append(...(entry.name ? [line, entry.name] : []), value);
    entry.value = value;
    return item;
  }));
  for (const text of remarks) {
    const item = document.createElement("span");
    item.textContent = text;
    box.append(item);
  }
}

function trace(x, y, entry) {
  // A point between two gaps has no line to be seen by.
  const alone = y.map((v, n) => (v !== null && (y[n - 1] ?? null) === null && (y[n + 1] ?? null) === null ? 5 : 0));
  const single = alone.some((size) => size > 0);
  return {
    x, y, type: "scatter", mode: single ? "lines+markers" : "lines", hoverinfo: "skip", connectgaps: false,
    marker: { size: alone, color: colour(entry.colour), line: { width: 0 } },
    line: { color: colour(entry.colour), width: entry.thin ? 1 : 1.8, dash: entry.dash ? "4px,3px" : "solid" },
    opacity: entry.thin ? 0.55 : 1,
  };
}

// Whether a line of [x, y] pixels goes through a box; a step without a value is left out.
function crosses([left, top, right, bottom], line) {
  const known = line.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  return known.some(([x, y], n) => {
    const [px, py] = known[Math.max(0, n - 1)];
    if (Math.max(x, px) < left || Math.min(x, px) > right) return false;
    const at = (edge) => (x === px ? y : py + ((y - py) * (Math.min(Math.max(edge, Math.min(x, px)), Math.max(x, px)) - px)) / (x - px));
    const ends = x === px ? [y, py] : [at(left), at(right)];
    return Math.max(...ends) >= top && Math.min(...ends) <= bottom;
  });
}

// On which side a name above a level stroke lies over nothing that was measured: right, if it can be.
function side(text, level, width, lines) {
  const long = 6.2 * text.length + 6;
  const over = (from) => lines.some((line) => crosses([from, level - 15, from + long, level], line));
  return over(width - long) && !over(0) ? "left" : "right";
}

// A chart of series over the shared time axis.
class TimeFigure {
  constructor(figure, course, content) {
    this.figure = figure;
    this.plot = figure.querySelector(".plot");
    this.course = course;
    this.content = content;
    this.cursor = document.createElement("div");
    this.cursor.className = "cursor";
    this.cursor.hidden = true;
    this.plot.tabIndex = 0;
    this.drawn = false;
    this.listen();
  }

  get width() { return Math.max(40, this.plot.clientWidth - MARGIN.l - MARGIN.r); }

  draw() {
    const { series, unit, limits = [], log: wanted = false } = this.content();
    const [from, to] = this.course.range;
    const times = this.course.times;
    const seen = (values) => values.filter((v, n) => v !== null && times[n] >= from - this.course.step && times[n] <= to);
    const measured = series.flatMap((s) => seen(s.values));
    const near = limits.filter((limit) => wanted || !measured.length || limit.value <= 4 * Math.max(...measured));
    const all = [...measured, ...near.map((limit) => limit.value)].filter((v) => !wanted || v > 0);
    const log = wanted && all.length > 0;  // Of nothing there is no logarithm.
    const high = all.length ? Math.max(...all) * (log ? 1.3 : 1.08) : 1;
    const low = log && all.length ? Math.min(...all) / 1.3 : 0;
    const top = high > low ? high : low + 1;
    const values = log ? logTicks(low, top) : distinct(ticks(low, top, unit, this.plot.clientHeight > 180 ? 6 : 4), unit);
    const along = ticks(from, to, "time", this.width / 70);
    const tall = this.plot.clientHeight - MARGIN.t - MARGIN.b;
    const scale = (v) => (log ? Math.log10(v) : v);
    const place = (v) => tall * (1 - (scale(v) - scale(low)) / (scale(top) - scale(low)));
    const lines = near.length ? series.map((s) => s.values.map((v, n) => [((times[n] - from) / (to - from)) * this.width, v === null ? NaN : place(v)])) : [];
    const names = near.map((limit) => ({ limit, at: side(limit.label, place(limit.value), this.width, lines) }));
    const layout = {
      ...baseLayout(this.plot),
      xaxis: axis({ range: [from, to], tickvals: along, ticktext: along.map(clock), showgrid: false }),
      yaxis: axis({
        range: log ? [Math.log10(low), Math.log10(top)] : [low, top], type: log ? "log" : "linear", fixedrange: true,
        tickvals: values, ticktext: values.map((v) => format(v, unit)),
      }),
      shapes: [...this.course.shapes(), ...near.map((limit) => ({
        type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: limit.value, y1: limit.value,
        line: { color: colour(limit.colour), width: 1.2, dash: "6px,4px" },
      }))],
      annotations: names.map(({ limit, at }) => ({
        text: limit.label, xref: "paper", x: at === "left" ? 0 : 1, xanchor: at, yref: "y", yanchor: "bottom", showarrow: false,
        y: log ? Math.log10(limit.value) : limit.value, font: { size: 10.5, color: colour(limit.colour) },
        bgcolor: colour("surface"), opacity: 0.85, borderpad: 1,
      })),
    };
    const above = limits.filter((limit) => !near.includes(limit)).map((limit) => limit.label);
    this.series = series;
    this.unit = unit;
    legend(this.figure, series, above);
    Plotly.react(this.plot, series.map((s) => trace(times, s.values, s)), layout, CONFIG);
    if (!this.drawn) {
      this.plot.on("plotly_relayout", (change) => this.zoomed(change));
      this.plot.on("plotly_doubleclick", () => this.course.zoom(null));
      this.drawn = true;
    }
    this.plot.append(this.cursor);
    this.point(this.course.at);
  }

  zoomed(change) {
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (from !== undefined && to !== undefined) this.course.zoom([from, to]);
  }

  listen() {
    this.plot.addEventListener("pointermove", (event) => {
      const x = event.clientX - this.plot.getBoundingClientRect().left - MARGIN.l;
      const [from, to] = this.course.range;
      const at = from + (x / this.width) * (to - from);
      this.course.byKeys = false;
      this.course.point(x < 0 || x > this.width ? null : this.course.stepAt(at));
    });
    // A moment that was chosen by keys stays, wherever the mouse goes away from.
    this.plot.addEventListener("pointerleave", () => { if (!this.course.byKeys) this.course.point(null); });
    this.plot.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.course.byKeys = true;
      const from = this.course.at === null ? this.course.stepAt(this.course.range[0]) - by : this.course.at;
      this.course.point(Math.min(Math.max(from + by, 0), this.course.times.length - 1));
      this.course.say(this);
    });
    this.plot.addEventListener("blur", () => {
      this.course.byKeys = false;
      this.course.point(null);
    });
  }

  // Show the values of one step of the time axis; null: of none.
  point(step) {
    if (!this.series) return;
    const [from, to] = this.course.range;
    const x = step === null ? -1 : (this.course.times[step] - from) / (to - from);
    this.cursor.hidden = x < 0 || x > 1;
    this.cursor.style.left = `${MARGIN.l + x * this.width}px`;
    this.cursor.style.top = `${MARGIN.t}px`;
    this.cursor.style.bottom = `${MARGIN.b}px`;
    for (const s of this.series) s.value.textContent = step === null ? "" : format(s.values[step], this.unit);
  }

  words() {
    return this.series.map((s) => `${s.name} ${format(s.values[this.course.at], this.unit)}`).join(", ");
  }
}
