"use strict";
// Puts the page together: theme, tables, then the charts once Plotly is unpacked.

const $ = (id) => document.getElementById(id);
const drawings = [];

// All charts again, in other colours or another width.
function redraw() {
  for (const draw of drawings) draw();
}

function theme() {
  const button = $("theme");
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.setAttribute("aria-pressed", String(dark()));
    redraw();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.paper = "";  // its width, before charts are drawn for it
    root.dataset.theme = "light";
    for (const details of document.querySelectorAll("details:not(#more)")) details.open = true;
    show();
  });
  addEventListener("afterprint", () => {
    delete root.dataset.paper;
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
    show();
  });
  show();
}

function tables() {
  const table = $("endpoint-table");
  if (!table) return;
  sortable(table);
  if (table.tBodies[0].rows.length < 2) return;
  $("filter-tools").hidden = false;
  filterable(table, $("filter"), $("filter-count"));
}

async function unpackPlotly() {
  const packed = Uint8Array.from(atob($("plotly").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

function option(text, value) {
  const made = document.createElement("option");
  made.textContent = text;
  made.value = value;
  return made;
}

function controls(course) {
  const endpoint = $("endpoint");
  endpoint.append(...course.data.courses.map((c, n) => option(c.name, n)));
  endpoint.parentElement.hidden = course.data.courses.length < 2;
  const choose = (n) => {
    course.selected = n;
    endpoint.value = n;
    redraw();
  };
  endpoint.addEventListener("change", () => choose(Number(endpoint.value)));
  for (const cell of document.querySelectorAll("[data-endpoint]")) {
    const number = course.data.courses.findIndex((c) => c.name === cell.dataset.endpoint);
    const link = document.createElement("button");
    link.type = "button";
    link.className = "link";
    link.title = "Show in the charts";
    link.append(...cell.childNodes);
    link.addEventListener("click", () => { choose(number); $("course").scrollIntoView(); });
    cell.append(link);
  }
  const part = $("part");
  const parts = [["Whole run", course.whole], ...course.data.judged.map(([from, to]) => [`Judged: ${clock(from)} to ${clock(to)}`, [from, to]])];
  part.append(...parts.map(([text], n) => option(text, n)), option("Own", "own"));
  part.addEventListener("change", () => { if (part.value !== "own") course.zoom(parts[part.value][1]); });
  course.zoomed = () => {
    const same = parts.findIndex(([, [from, to]]) => from === course.range[0] && to === course.range[1]);
    part.value = same < 0 ? "own" : same;
  };
  $("zoom-in").addEventListener("click", () => course.zoomBy(0.5));
  $("zoom-out").addEventListener("click", () => course.zoomBy(2));
  $("zoom-reset").addEventListener("click", () => course.zoom(null));
  $("log").addEventListener("change", () => redraw());
  $("tools").hidden = false;
}

function smallChart(resource) {
  const figure = document.createElement("figure");
  figure.className = "chart";
  const head = document.createElement("div");
  head.className = "chart-head";
  const title = document.createElement("h3");
  title.textContent = resource.name;
  const box = document.createElement("div");
  box.className = "legend";
  head.append(title, box);
  const plot = document.createElement("div");
  plot.className = "plot";
  plot.setAttribute("role", "img");
  const known = (resource.greatest || resource.mean).filter((v) => v !== null);
  const most = known.length ? `at most ${format(Math.max(...known), resource.unit)}` : "not measured";
  const limit = resource.limit === null ? "" : ` of ${format(resource.limit, resource.unit)}`;
  plot.setAttribute("aria-label", `${resource.name}: ${most}${limit}`);
  figure.append(head, plot);
  return figure;
}

function charts(data) {
  const course = new Course(data);
  const by = (name) => document.querySelector(`[data-chart="${name}"]`);
  controls(course);
  for (const name of ["load", "throughput", "response"]) course.add(by(name), () => course[name]());
  // Where nothing failed the words say so, and an empty chart would say no more.
  if (Object.keys(course.data.courses[0].failures).length) course.add(by("errors"), () => course.errors());
  else by("errors").querySelector(".plot").hidden = true;
  const grid = $("resources");
  const draw = (into, resources) => {
    for (const resource of resources) {
      const figure = smallChart(resource);
      into.append(figure);
      course.add(figure, () => course.resource(resource));
    }
  };
  draw(grid, data.resources.filter((r) => r.headline));
  const rest = data.resources.filter((r) => !r.headline);
  const more = $("more");
  if (rest.length) {
    more.hidden = false;
    more.querySelector("summary").textContent = `${rest.length} more watched series`;
    more.addEventListener("toggle", () => draw(more.querySelector("div"), rest), { once: true });
  }
  if (data.heat) {
    const heat = new HeatFigure(by("heat"), course, () => ({}));
    course.figures.push(heat);
    heat.draw();
  } else {
    by("heat").hidden = true;
  }
  const distribution = () => drawDistribution(by("distribution"), data, course.selected ? course.endpoint.name : "");
  if (data.distributions.length) distribution();
  else by("distribution").hidden = true;
  drawings.push(() => course.redraw());
  if (data.distributions.length) drawings.push(distribution);
}

function answers(pictures) {
  const places = document.querySelectorAll("[data-picture]");
  pictures.forEach((picture, n) => {
    const answer = new AnswerFigure(places[n], picture);
    csvLink(places[n], picture.name, () => answer.rows());
    drawings.push(() => answer.draw());
    answer.draw();
  });
}

async function start() {
  theme();
  tables();
  const data = JSON.parse($("data").textContent);
  if (!data) {
    document.documentElement.dataset.charts = "none";
    return;
  }
  try {
    await unpackPlotly();
  } catch (error) {
    const said = $("no-charts");
    said.textContent = `The charts cannot be drawn: this browser is too old (${error.message}). The tables are complete.`;
    said.hidden = false;
    return;
  }
  answers(data.pictures);
  if (data.course) charts(data.course);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) { width = innerWidth; redraw(); }
  });
  document.documentElement.dataset.charts = "drawn";
}

// The page of a run that goes on begins by itself (live.js).
if (!$("live")) start();
