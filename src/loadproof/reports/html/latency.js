"use strict";
// The distribution of response times, and how it moved over time.

function drawDistribution(figure, data, selected) {
  const rows = [data.distributions[0]];
  const service = data.distributions.find((d) => d.name.endsWith("from the actual send"));
  const chosen = data.distributions.find((d) => d.name === selected);
  if (chosen && chosen !== rows[0]) rows.push(chosen);
  else if (service) rows.push(service);
  const entries = rows.filter(Boolean).map((row, n) => ({ name: row.name, colour: n ? "series-2" : "series-1", row }));
  legend(figure, entries);
  const limits = data.limits.filter((limit) => limit.chart === "response" && /^p[0-9.]+$/.test(limit.subject))
    .filter((limit) => (chosen && chosen !== rows[0] ? chosen.name.endsWith(limit.endpoint || "\u0000") : !limit.endpoint));
  const values = [...entries.flatMap(({ row }) => row.v), ...limits.map((limit) => limit.value)].filter((v) => v > 0);
  if (!values.length) return;
  const low = Math.min(...values) / 1.3;
  // The limit's name stands above its stroke.
  const room = (Math.max(...values) / low) ** 0.15;
  const high = Math.max(Math.max(...values) * 1.3, ...limits.map((limit) => limit.value * room));
  const far = Math.max(...entries.map(({ row }) => row.count), 100);
  const width = Math.max(40, figure.querySelector(".plot").clientWidth - MARGIN.l - MARGIN.r);
  const place = (q) => (Math.log10(1 / (1 - q)) / Math.log10(far)) * width;
  // The nines first; what lies between them only where there is room for its name.
  const names = [];
  for (const q of [0, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999, 0.5, 0.95, 0.995]) {
    if (1 / (1 - q) <= far * 1.01 && names.every((other) => Math.abs(place(other) - place(q)) > 34)) names.push(q);
  }
  const up = logTicks(low, high);
  const layout = {
    ...baseLayout(figure.querySelector(".plot")), hovermode: "x unified", dragmode: false,
    xaxis: axis({
      type: "log", range: [0, Math.log10(far)], fixedrange: true, hoverformat: ".4~g",
      tickvals: names.map((q) => 1 / (1 - q)), ticktext: names.map((q) => `p${Number((q * 100).toPrecision(8))}`), tickangle: 0,
    }),
    yaxis: axis({
      type: "log", range: [Math.log10(low), Math.log10(high)], fixedrange: true,
      tickvals: up, ticktext: up.map(duration),
    }),
  };
  const lines = entries.map(({ row, name, colour: hue }) => ({
    x: row.q.map((q) => 1 / (1 - q)), y: row.v, name, type: "scatter", mode: "lines",
    line: { color: colour(hue), width: 2 },
    text: row.q.map((q, n) => `p${Number((q * 100).toPrecision(6))}: ${duration(row.v[n])}`), hovertemplate: "%{text}<extra></extra>",
  }));
  const points = limits.map((limit) => ({
    x: [1 / (1 - Number(limit.subject.slice(1)) / 100)], y: [limit.value], type: "scatter", mode: "markers+text",
    marker: { symbol: "line-ew-open", size: 22, color: colour(limit.verdict.toLowerCase()), line: { width: 2.5 } },
    text: [`${limit.operator} ${duration(limit.value)}`], textposition: "top center", cliponaxis: false,
    textfont: { color: colour(limit.verdict.toLowerCase()), size: 10.5 }, hoverinfo: "skip",
  }));
  Plotly.react(figure.querySelector(".plot"), [...lines, ...points], layout, CONFIG);
}

class HeatFigure extends TimeFigure {
  // Counts by their square root, so that single requests are seen beside thousands.
  scale(most) {
    const item = document.createElement("span");
    const ramp = document.createElement("i");
    ramp.className = "ramp";
    item.append("1", ramp, `${digits(most)} requests`);
    this.figure.querySelector(".legend").replaceChildren(item);
  }

  draw() {
    const { heat } = this.course.data;
    const [from, to] = this.course.range;
    const low = heat.edges[0];
    const high = heat.edges[heat.edges.length - 1];
    const up = logTicks(low, high);
    const along = ticks(from, to, "time", this.width / 70);
    const columns = heat.rows[0].length;
    const layout = {
      ...baseLayout(this.plot), hovermode: "closest",
      xaxis: axis({ range: [from, to], tickvals: along, ticktext: along.map(clock), showgrid: false }),
      yaxis: axis({
        type: "log", range: [Math.log10(low), Math.log10(high)], fixedrange: true, tickvals: up, ticktext: up.map(duration),
      }),
      shapes: this.course.shapes(),
    };
    const text = heat.rows.map((row, n) => row.map((count, column) => (count === null ? "" :
      `${clock(column * heat.step)}, ${duration(heat.edges[n])} to ${duration(heat.edges[n + 1])}: ${digits(count)} requests`)));
    const z = heat.rows.map((row) => row.map((count) => (count === null ? null : Math.sqrt(count))));
    this.series = [];
    this.scale(Math.max(...heat.rows.flat().map((count) => count || 0)));
    Plotly.react(this.plot, [{
      type: "heatmap", x: Array.from({ length: columns + 1 }, (_, n) => n * heat.step), y: heat.edges, z, text,
      hovertemplate: "%{text}<extra></extra>", showscale: false, hoverongaps: false,
      colorscale: [[0, colour("heat-low")], [0.5, colour("heat-middle")], [1, colour("heat-high")]],
    }], layout, CONFIG);
    if (!this.drawn) {
      this.plot.on("plotly_relayout", (change) => this.zoomed(change));
      this.plot.on("plotly_doubleclick", () => this.course.zoom(null));
      this.drawn = true;
    }
    this.plot.append(this.cursor);
  }
}
