"use strict";
// A run that goes on: its figures come as events, once a second, until the page is the report.

const LOST_S = 6;  // The server is heard every second, or every two while a run is judged.
const AGAIN_MS = 1000;

// The time axis that grows. A point of several seconds replaces all points within them.
class LiveCourse extends Course {
  constructor(plan) {
    const total = { name: "all requests", failures: {} };
    super({ axis: { step: 1, count: 0, length: 10 }, judged: [], marks: [], limits: [], courses: [total], resources: [] });
    this.plan = plan;
    this.points = [];
    this.following = "whole";
    let end = 0;
    for (const [length] of plan.stages.slice(0, -1)) this.data.marks.push({ at: (end += length), harmless: true });
  }

  grow(points, whole) {
    if (whole) this.points = [];
    for (const point of points) {
      const from = this.first(point.t);
      let to = from;
      while (to < this.points.length && this.points[to].t < point.t + point.w) to += 1;
      this.points.splice(from, to - from, point);
    }
    this.times = this.points.map((point) => point.t);
    const last = this.points.at(-1);
    const end = Math.max(10, last ? last.t + last.w - 1 : 0);
    this.whole = [0, end];
    if (this.following !== "own") this.range = this.following === "whole" ? this.whole : [Math.max(0, end - this.following), end];
  }

  // Where in the points the first one at or after this second is.
  first(second) {
    let [low, high] = [0, this.points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.points[middle].t < second) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  stepAt(seconds) {
    const after = this.first(seconds);
    const before = Math.max(0, after - 1);
    if (after >= this.times.length) return this.times.length - 1;
    return this.times[after] - seconds < seconds - this.times[before] ? after : before;
  }

  point(step) { super.point(this.times.length ? step : null); }

  zoom(range) {
    super.zoom(range);
    this.following = range ? "own" : "whole";
    this.followed();
  }

  values(of) { return this.points.map((point) => of(point) ?? null); }

  series(name) { return this.values((point) => point.s[name]); }

  // The extremes of single seconds, where a point stands for several of them.
  extremes(series, extremes) {
    const some = (s) => s.values.some((value) => value !== null);
    return [...series, ...extremes.map((s) => ({ ...s, thin: true })).filter(some)];
  }

  load() {
    const planned = this.values((point) => (this.plan.stages.length ? point.l : null));
    const series = this.plan.open
      ? [{ name: "planned arrivals", values: planned, colour: "quiet", dash: true },
        { name: "started", values: this.series("started"), colour: "series-1" },
        { name: "dropped", values: this.series("dropped"), colour: "fail" }]
      : [{ name: "planned users", values: planned, colour: "quiet", dash: true },
        { name: "users", values: this.series("load.users"), colour: "series-1" }];
    return { unit: this.plan.open ? "/s" : "", series: series.filter((s) => s.values.some((value) => value !== null)) };
  }

  throughput() {
    const series = [{ name: "requests", values: this.values((point) => point.n), colour: "series-1" }];
    if (this.points.some((point) => point.f)) series.push({ name: "of them failed", values: this.values((point) => point.f), colour: "fail" });
    const extremes = [
      { name: "least second", values: this.values((point) => point.lo), colour: "series-1" },
      { name: "greatest second", values: this.values((point) => point.hi), colour: "series-1" },
    ];
    return { unit: "/s", series: this.extremes(series, extremes), limits: this.limits("throughput") };
  }

  response() {
    const times = ["p50", "p95", "p99"].map((name, n) => ({
      name, values: this.values((point) => point.p[n]), colour: ["series-4", "series-3", "series-2"][n],
    }));
    const greatest = { name: "greatest", values: this.values((point) => point.max), colour: "quiet" };
    return { unit: "s", series: this.extremes(times, [greatest]), limits: this.limits("response"), log: $("log").checked };
  }

  errors() {
    const failed = [{ name: "failed", values: this.values((point) => point.f), colour: "fail" }];
    const most = { name: "greatest second", values: this.values((point) => point.fhi), colour: "fail" };
    return { unit: "/s", series: this.extremes(failed, [most]) };
  }

  resource(resource) {
    const mean = [{ name: "", values: this.series(resource.name), colour: "series-1" }];
    const greatest = { name: "greatest", values: this.values((point) => point.shi?.[resource.name]), colour: "series-1" };
    const limits = resource.limit === null ? [] : [{ value: resource.limit, label: `limit ${format(resource.limit, resource.unit)}`, colour: "quiet" }];
    return { unit: resource.unit, series: this.extremes(mean, [greatest]), limits };
  }

  // Only what can be seen is drawn.
  redraw() {
    if (document.hidden) return;
    for (const figure of this.figures) {
      const { top, bottom } = figure.plot.getBoundingClientRect();
      if (bottom > -200 && top < innerHeight + 200 && figure.plot.clientWidth) figure.draw();
    }
  }
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const count = (value) => format(value ?? null, "count");
const failedText = (failed, requests) => count(failed) + (failed ? ` (${format(failed / requests, "share")})` : "");

function showTiles(news, plan) {
  const [seconds, , , p50, p95, p99] = news.recent;
  const [requests, failed] = news.total;
  const over = seconds ? `last ${seconds} s` : "";
  const recentFailed = news.recent.length ? count(news.recent[2]) : "—";
  const share = news.recent[2] ? `${format(news.recent[2] / news.recent[1], "share")} in the ${over}` : over;
  const tiles = [
    ["Users", news.users === null ? "—" : count(news.users)],
    ["Throughput", news.rate === null ? "—" : format(news.rate, "/s"), over],
    ["p50", format(p50, "s"), over], ["p95", format(p95, "s"), over], ["p99", format(p99, "s"), over],
    ["Failed", recentFailed, `${share}${share ? "; " : ""}${failedText(failed, requests)} in all`, news.recent[2] > 0],
    ["Requests", count(requests), "in all"],
  ];
  if (news.arrivals) {
    const { late, dropped } = news.arrivals;
    tiles.splice(1, 0, ["Arrivals late", count(late), "in all"], ["Arrivals dropped", count(dropped), "in all", dropped > 0]);
  }
  $("tiles").replaceChildren(...tiles.map(([title, value, under, bad]) => {
    const tile = element("div", undefined, bad ? "bad" : "");
    const shown = element("dd", value);
    if (under) shown.append(element("small", under));
    tile.append(element("dt", title), shown);
    return tile;
  }));
}

function showStages(news, plan) {
  const box = $("stages");
  box.hidden = !plan.stages.length;
  let begin = 0;
  let level = plan.start;
  const unit = plan.open ? "/s" : " users";
  box.replaceChildren(...plan.stages.map(([length, target]) => {
    const done = Math.min(1, Math.max(0, (news.elapsed - begin) / length));
    const stage = element("div");
    stage.style.flexGrow = length;
    const bar = element("i");
    bar.style.setProperty("--done", done.toFixed(4));
    const what = level === target ? `${digits(target)}${unit}` : `to ${digits(target)}${unit}`;
    const said = `${what}, ${duration(length)}`;
    // Where it has no room it is told by the title alone.
    const room = (box.clientWidth * length) / plan.length;
    stage.append(bar, element("span", room > 6 * said.length ? said : "\u00a0"));
    stage.title = `${what} for ${duration(length)}`;
    if (news.phase === "running" && news.elapsed >= begin && news.elapsed < begin + length) stage.className = "now";
    begin += length;
    level = target;
    return stage;
  }));
}

// The answer to a question of many loads: what is played, what is known, and a picture that grows.
class Answer {
  constructor() { this.figure = null; }

  take({ now, known, picture, words }) {
    const said = $("known");
    said.replaceChildren(element("b", now), ...(known ? [element("span", known)] : []));
    said.hidden = false;
    $("answer").hidden = !picture;
    if (!picture) return;
    $("answer-title").textContent = picture.title;
    $("answer-words").textContent = words;
    if (this.figure) this.figure.picture = picture;
    else {
      this.figure = new AnswerFigure($("answer"), picture);
      csvLink($("answer"), picture.name, () => this.figure.rows());
    }
    this.draw();
  }

  draw() {
    if (this.figure && !document.hidden && this.figure.plot.clientWidth) this.figure.draw();
  }
}

function showRequirements(rows) {
  const table = $("requirements");
  table.hidden = !rows.length;
  $("near").hidden = !rows.some((row) => row.measured.startsWith("~"));
  table.tBodies[0].replaceChildren(...rows.map((row) => {
    const made = element("tr", undefined, row.verdict);
    const state = element("td");
    const mark = element("span", row.mark, `mark ${row.verdict}`);
    mark.setAttribute("aria-hidden", "true");
    state.append(mark, element("span", row.verdict, "unseen"));
    const name = element("th", row.subject);
    name.scope = "row";
    const required = element("td", row.required, "number");
    required.dataset.title = "Required";
    const measured = element("td", row.measured, "number value");
    measured.dataset.title = "Measured";
    const bar = element("td", undefined, "meter-cell");
    if (row.meter !== null) {
      const meter = element("span", undefined, "meter");
      meter.style.setProperty("--share", (row.meter / 2).toFixed(3));
      meter.setAttribute("aria-hidden", "true");
      bar.append(meter);
    }
    made.append(state, name, required, measured, bar);
    return made;
  }));
}

function endpointRow([name, requests, failed, ...times]) {
  const row = element("tr", undefined, failed ? "failed" : "");
  const head = element("th", name);
  head.scope = "row";
  const cells = [count(requests), ...times.map((value) => format(value, "s")), failedText(failed, requests)];
  row.append(head, ...cells.map((text, n) => {
    const cell = element("td", text, "number");
    cell.dataset.title = ["Requests", "p50", "p95", "p99", "Max", "Failed"][n];
    return cell;
  }));
  return row;
}

function showTables(news) {
  const table = $("endpoint-table");
  table.tBodies[0].replaceChildren(...news.endpoints.map(endpointRow));
  const more = news.more_endpoints ? `all requests, of ${news.more_endpoints} more endpoints too` : "all requests";
  table.tFoot.replaceChildren(endpointRow([more, ...news.total]));
  $("errors").hidden = !news.errors.length;
  $("error-table").tBodies[0].replaceChildren(...news.errors.map(([text, times]) => {
    const row = element("tr");
    row.append(element("td", count(times), "number"), element("td", text, "wrap"));
    return row;
  }));
}

function showWorkers(workers) {
  $("workers").hidden = !workers.length;
  $("workers").replaceChildren(...workers.map((worker) => {
    const made = element("span", worker.state === "works" ? worker.name : `${worker.name} ${worker.state}`, worker.state);
    made.title = worker.text;
    return made;
  }));
}

function showLines(lines, whole) {
  const list = $("lines");
  if (whole) list.replaceChildren();
  const last = Number(list.firstElementChild?.dataset.n || 0);
  for (const line of lines.filter((l) => l.n > last)) {
    const item = element("li");
    item.dataset.n = line.n;
    const at = new Date(line.at * 1000);
    const time = element("time", at.toTimeString().slice(0, 8));
    time.dateTime = at.toISOString();
    item.append(time, element("span", line.text, line.kind === "log" ? "log" : line.bad ? "bad" : ""));
    list.prepend(item);
  }
  while (list.children.length > 300) list.lastElementChild.remove();
}

// Follows the run: one connection, made again whenever it breaks, until there is a report.
class Following {
  constructor(plan, course) {
    this.plan = plan;
    this.course = course;
    this.news = null;
    this.heard = Date.now();
    this.ended = false;
    this.resources = new Map();
    this.answer = new Answer();
    drawings.push(() => this.answer.draw());
    $("stop").addEventListener("click", () => this.stop());
    this.steers();
    this.connect();
    setInterval(() => this.listen(), 1000);
  }

  connect() {
    const source = new EventSource("events");
    this.source = source;
    const on = (kind, take) => source.addEventListener(kind, (event) => {
      this.heard = Date.now();
      if (this.lost) { this.lost = false; this.say(""); }
      take(JSON.parse(event.data));
    });
    on("beat", () => {});
    on("news", (news) => this.take(news));
    on("report", () => { this.ended = true; source.close(); location.reload(); });
    on("over", ({ why }) => {
      this.ended = true;
      source.close();
      this.phase("over", "gone");
      this.say(`The run has ended without a report: ${why}`, true);
    });
    source.onerror = () => {
      source.close();
      if (this.ended) return;
      this.miss();
      setTimeout(() => this.connect(), AGAIN_MS);
    };
  }

  // A process that hangs keeps its connection, and says nothing.
  listen() {
    if (!this.ended && Date.now() - this.heard > LOST_S * 1000) this.miss();
  }

  miss() {
    this.lost = true;
    const at = new Date(this.heard).toTimeString().slice(0, 8);
    this.phase("no connection", "gone");
    $("stop").hidden = true;
    if ($("steer")) $("steer").hidden = true;
    this.say(`The run's process is gone or hangs; last seen at ${at}. This page tries again every second. ` +
      "What was recorded is in its run file: loadproof judge says what it shows.", true);
  }

  say(text, bad = false) {
    const said = $("said");
    said.hidden = !text;
    if (said.textContent !== text) said.textContent = text;
    said.classList.toggle("bad", bad);
    $("tiles").classList.toggle("stale", bad);
  }

  phase(text, className = "") {
    $("phase").textContent = text;
    $("phase").className = `badge ${className}`;
    document.title = `${text} · ${this.plan.name} · Loadproof`;
  }

  take(news) {
    this.news = { ...(this.news || {}), ...news };
    const all = this.news;
    if (news.points) this.course.grow(news.points, news.whole);
    if (news.lines) showLines(news.lines, news.whole);
    this.showPhase(all);
    if (news.answer) this.answer.take(news.answer);
    if (!all.total) return;
    if ($("steer")) $("steer-level").placeholder = this.level() ?? "";
    this.course.data.limits = all.requirements.map((row) => row.limit).filter(Boolean);
    showTiles(all, this.plan);
    showStages(all, this.plan);
    showRequirements(all.requirements);
    showTables(all);
    showWorkers(all.workers);
    this.showSystem(all);
    redraw();
  }

  showPhase({ phase, elapsed, left, turn }) {
    const words = { starting: "starting", running: "live", ending: "load has ended", judging: turn ? "between runs" : "judging" };
    this.phase(words[phase], phase === "running" ? "running" : "done");
    const until = this.plan.length ? ` of ${duration(this.plan.length)}, ${duration(Math.ceil(left ?? 0))} left` : " so far";
    $("place").textContent = elapsed ? `${duration(Math.round(elapsed))}${until}` : "";
    $("stop").hidden = phase !== "starting" && phase !== "running" && phase !== "ending";
    if ($("steer")) $("steer").hidden = phase !== "running";
    if (phase === "ending") this.say("The load has ended; users finish what they do.");
    if (phase === "judging" && !turn) this.say("The run is judged; this page then becomes its report.");
    if (turn && phase !== "ending") this.say("");
  }

  showSystem(news) {
    const watched = news.series.map((series) => series.name);
    const missing = news.unwatched.length ? `not watched: ${news.unwatched.join(", ")}` : "";
    const text = [news.service, missing].filter(Boolean).join("; ");
    $("service").textContent = text || (watched.length ? "" : "Nothing is watched yet.");
    for (const series of news.series) {
      const known = this.resources.get(series.name);
      if (known) {
        Object.assign(known.resource, series);
        known.value.textContent = format(series.value, series.unit);
        continue;
      }
      const resource = { ...series };
      const figure = smallChart({ ...resource, mean: [], greatest: null });
      const value = element("b", format(series.value, series.unit));
      figure.querySelector("h3").append(" ", value);
      figure.querySelector(".plot").setAttribute("aria-label", `${series.name} over time`);
      $("resources").append(figure);
      this.resources.set(series.name, { resource, value });
      this.course.add(figure, () => this.course.resource(resource));
    }
  }

  // Users, or arrivals per second, as they are now.
  level() {
    if (!this.plan.open) return this.news.users;
    const known = this.course.points.findLast((point) => (point.s.started ?? null) !== null);
    return known ? Math.round(known.s.started) : null;
  }

  // More or less load, where the engine can. Asked twice the first time: no requirement is answered after it.
  steers() {
    const form = $("steer");
    if (!form) return;
    const level = $("steer-level");
    for (const button of form.querySelectorAll("[data-by]")) {
      button.addEventListener("click", () => {
        level.value = Math.min(Number(level.max), Math.max(1, Number(level.value || this.level() || 0) + Number(button.dataset.by)));
      });
    }
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const go = $("steer-go");
      if (!this.steered && !go.classList.contains("sure")) {
        go.classList.add("sure");
        go.textContent = "Really change it?";
        setTimeout(() => { if (!this.steered) { go.classList.remove("sure"); go.textContent = "Change the load"; } }, 4000);
        return;
      }
      this.steered = true;
      go.classList.remove("sure");
      go.textContent = "Change the load";
      const answer = await fetch("load", { method: "POST", body: level.value });
      if (!answer.ok) this.say(await answer.text(), true);
    });
  }

  // As Ctrl-C: gently the first time, at once the second. Asked twice, because it cannot be taken back.
  async stop() {
    const button = $("stop");
    if (!button.classList.contains("sure")) {
      button.classList.add("sure");
      const text = button.textContent;
      button.textContent = this.stopped ? "Really, at once?" : "Really stop?";
      setTimeout(() => { if (button.classList.contains("sure")) { button.classList.remove("sure"); button.textContent = text; } }, 4000);
      return;
    }
    button.classList.remove("sure");
    button.textContent = "Stopping";
    button.disabled = true;
    try {
      await fetch("stop", { method: "POST" });
      this.stopped = true;
      this.say("The load is being stopped: users finish what they do, then the run is judged.");
    } finally {
      button.textContent = this.stopped ? "Stop at once" : "Stop the load";
      button.disabled = false;
    }
  }
}

let following;

async function follow() {
  theme();
  const plan = JSON.parse($("data").textContent).course;
  try {
    await unpackPlotly();
  } catch (error) {
    const said = $("no-charts");
    said.textContent = `The charts cannot be drawn: this browser is too old (${error.message}).`;
    said.hidden = false;
    return;
  }
  const course = new LiveCourse(plan);
  course.followed = () => {
    $("part").querySelector("[value=own]").hidden = course.following !== "own";
    $("part").value = course.following;
  };
  $("part").addEventListener("change", () => {
    course.following = $("part").value === "whole" ? "whole" : Number($("part").value);
    course.grow([], false);
    redraw();
  });
  $("log").addEventListener("change", () => redraw());
  for (const name of ["load", "throughput", "response", "errors"]) {
    course.add(document.querySelector(`[data-chart="${name}"]`), () => course[name]());
  }
  drawings.push(() => course.redraw());
  addEventListener("resize", () => redraw());
  addEventListener("scroll", () => { clearTimeout(course.settled); course.settled = setTimeout(redraw, 120); }, { passive: true });
  document.addEventListener("visibilitychange", () => redraw());
  following = new Following(plan, course);
  document.documentElement.dataset.charts = "drawn";
}

follow();
