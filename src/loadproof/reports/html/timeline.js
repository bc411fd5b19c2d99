"use strict";
// The shared time axis: every chart on it shows the same stretch of time and the same moment.

class Course {
  constructor(data) {
    this.range = null;
    this.take(data);
    this.at = null;
    this.byKeys = false;
    this.figures = [];
    this.selected = 0;
  }

  // Data of a run that goes on takes the place of what there was; who looks at a part of it keeps that part.
  take(data) {
    const followed = !this.range || (this.range[0] === this.whole[0] && this.range[1] === this.whole[1]);
    this.data = data;
    this.step = data.axis.step;
    this.times = Array.from({ length: data.axis.count }, (_, n) => n * this.step);
    this.whole = [0, data.axis.length];
    if (followed) this.range = this.whole;
  }

  get endpoint() { return this.data.courses[this.selected]; }

  add(figure, content) {
    const added = new TimeFigure(figure, this, content);
    this.figures.push(added);
    csvLink(figure, figure.querySelector("h3").textContent, () => this.rows(content()));
    added.draw();
  }

  // A chart's series side by side, one row for each step of the axis.
  rows({ series, unit }) {
    const head = ["seconds since the load began", ...series.map((s) => [s.name || "value", unit].filter(Boolean).join(" in "))];
    return [head, ...this.times.map((time, n) => [time, ...series.map((s) => s.values[n])])];
  }

  redraw() {
    for (const figure of this.figures) figure.draw();
  }

  zoom(range) {
    const [first, last] = this.whole;
    let [from, to] = range || this.whole;
    const least = Math.min(4 * this.step, last);
    if (to - from < least) { const middle = (from + to) / 2; from = middle - least / 2; to = middle + least / 2; }
    this.range = [Math.max(first, Math.min(from, last - least)), Math.min(last, Math.max(to, first + least))];
    this.redraw();
    this.zoomed?.();
  }

  zoomBy(factor) {
    const [from, to] = this.range;
    const middle = (from + to) / 2;
    this.zoom([middle - ((to - from) / 2) * factor, middle + ((to - from) / 2) * factor]);
  }

  stepAt(seconds) {
    return Math.min(Math.max(Math.round(seconds / this.step), 0), this.times.length - 1);
  }

  point(step) {
    this.at = step;
    for (const figure of this.figures) figure.point(step);
  }

  say(figure) {
    document.getElementById("moment").textContent = `${clock(this.times[this.at])}: ${figure.words()}`;
  }

  // The judged part as a band, and a line at each thing that happened.
  shapes() {
    const bands = this.data.judged.map(([from, to]) => ({
      type: "rect", layer: "below", xref: "x", x0: from, x1: to, yref: "paper", y0: 0, y1: 1,
      fillcolor: colour("band"), line: { width: 0 },
    }));
    const lines = this.data.marks.map((mark) => ({
      type: "line", layer: "below", xref: "x", x0: mark.at, x1: mark.at, yref: "paper", y0: 0, y1: 1,
      line: { color: colour(mark.harmless ? "quiet" : "inconclusive"), width: 1, dash: "2px,2px" },
    }));
    return [...bands, ...lines];
  }

  limits(chart) {
    const name = this.endpoint.name;
    return this.data.limits
      .filter((limit) => limit.chart === chart)
      .filter((limit) => (this.selected === 0 ? !limit.endpoint : name === limit.endpoint || name.endsWith(` ${limit.endpoint}`)))
      .map((limit) => ({
        value: limit.value, colour: limit.verdict.toLowerCase(),
        label: `${limit.subject} ${limit.operator} ${format(limit.value, { response: "s", errors: "share", throughput: "/s" }[chart])}`,
      }));
  }

  load() {
    const { unit, planned, achieved, dropped } = this.data.load;
    const series = [
      { name: `planned ${unit}`, values: planned, colour: "quiet", dash: true },
      { name: `achieved ${unit}`, values: achieved, colour: "series-1" },
      { name: "dropped", values: dropped, colour: "fail" },
    ];
    return { unit: unit === "users" ? "" : "/s", series: series.filter((s) => s.values.some((v) => v !== null)) };
  }

  throughput() {
    const failed = sums(Object.values(this.endpoint.failures), this.times.length);
    const series = [{ name: "requests", values: this.endpoint.requests, colour: "series-1" }];
    if (failed) series.push({ name: "of them failed", values: failed, colour: "fail" });
    return { unit: "/s", series, limits: this.limits("throughput") };
  }

  response() {
    const { p50, p95, p99 } = this.endpoint;
    const series = [
      { name: "p50", values: p50, colour: "series-4" },
      { name: "p95", values: p95, colour: "series-3" },
      { name: "p99", values: p99, colour: "series-2" },
    ];
    return { unit: "s", series, limits: this.limits("response"), log: document.getElementById("log").checked };
  }

  errors() {
    const colours = { status: "fail", check: "series-2", transport: "series-3", timeout: "series-5" };
    const series = Object.entries(this.endpoint.failures)
      .map(([kind, values]) => ({ name: kind, values, colour: colours[kind] || "series-1" }));
    if (!series.length) series.push({ name: "no failures", values: this.times.map(() => 0), colour: "quiet" });
    return { unit: "/s", series };
  }

  resource(resource) {
    const series = [{ name: resource.greatest ? "mean" : "", values: resource.mean, colour: "series-1" }];
    if (resource.greatest) series.push({ name: "greatest", values: resource.greatest, colour: "series-1", thin: true });
    const growth = resource.growth;
    if (growth) {
      series.push({ name: "windows", values: growth.windows, colour: "series-4" });
      series.push({ name: "slope", values: growth.slope, colour: "fail" });
      series.push({ name: "its interval", values: growth.low, colour: "fail", thin: true, dash: true });
      series.push({ name: "", values: growth.high, colour: "fail", thin: true, dash: true });
      if (growth.allowed.some((v) => v !== null)) {
        series.push({ name: "allowed", values: growth.allowed, colour: "pass", dash: true });
      }
    }
    const limits = resource.required.map((r) => ({
      value: r.value, label: `${r.label} ${format(r.value, resource.unit)}`, colour: "fail",
    }));
    if (resource.limit !== null) {
      const when = growth && growth.forecast ? `, ${growth.forecast}` : "";
      limits.push({ value: resource.limit, label: `limit ${format(resource.limit, resource.unit)}${when}`, colour: "quiet" });
    }
    return { unit: resource.unit, series, limits };
  }
}

function sums(lists, length) {
  if (!lists.length) return null;
  return Array.from({ length }, (_, n) => lists.reduce((total, values) => total + (values[n] || 0), 0));
}
