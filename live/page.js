"use strict";
// Shows what /events tells. Texts are set as text, never as markup.
const $ = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
const milliseconds = (times, x) => (times.count > 0 ? digits(x) + " ms" : "–");

let run = { stages: [], drain_s: 0, may_stop: false };
let points = [];

// set shows a text, in red if it is bad.
function set(id, text, bad = false) {
  $(id).textContent = text;
  $(id).classList.toggle("bad", bad);
}

const served = (of) => (p) => (p.response_ms.count > 0 ? of(p.response_ms) : NaN);
const each = (of) => (p) => of(p) / (p.to_s - p.from_s);
const highest = (plot, least, levels = []) => Math.max(least, ...levels.map((l) => l.at), ...points.flatMap((p) => plot.map((t) => t.of(p)).filter((v) => !Number.isNaN(v))));

const rates = [
  { name: "planned", look: "faint", kind: "dashed", of: (p) => p.planned_rate },
  { name: "sent", look: "one", kind: "line", of: (p) => p.sent_rate },
];
const times = [
  { name: "p50", look: "one", kind: "line", of: served((t) => t.p50) },
  { name: "p95", look: "two", kind: "line", of: served((t) => t.p95) },
  { name: "p99", look: "three", kind: "line", of: served((t) => t.p99) },
];
const flight = [{ name: "in flight", look: "four", kind: "line", of: (p) => p.in_flight }];
const wrong = [
  { name: "failed", look: "bad", kind: "bars", of: each((p) => p.failed) },
  { name: "violating", look: "four", kind: "bars", of: each((p) => p.violating) },
  { name: "unexpected", look: "two", kind: "bars", of: each((p) => p.unexpected) },
  { name: "unexpected, 429", look: "five", kind: "bars", of: each((p) => p.refused) },
];
const sum = (p) => wrong.reduce((n, t) => n + t.of(p), 0);

const plots = [
  new Plot($("charts"), { title: "Requests a second", text: "Gaps below planned: mfaload was late, or all workers were in flight.", unit: "/s", traces: rates,
    axis: () => linearAxis(highest(rates, 1)) }),
  new Plot($("charts"), { title: "Response time", text: "Of the requests that were served, by when they ended. Dotted: thresholds of the whole run.", unit: "ms, logarithmic", traces: times,
    axis: (_, levels) => {
      const all = [...points.flatMap((p) => times.map((t) => t.of(p)).filter((v) => v > 0)), ...levels.map((l) => l.at)];
      return logAxis(Math.max(Math.min(...all, 1000), 0.001), Math.max(...all, 0.002));
    } }),
  new Plot($("charts"), { title: "Requests in flight", text: "The most at the end of a second: more of them at the same rate means a slower service.", unit: "", traces: flight,
    axis: () => linearAxis(highest(flight, 1)) }),
  new Plot($("charts"), { title: "Not as expected", text: "Requests a second that ended otherwise than the scenario expects.", unit: "/s", traces: wrong,
    nothing: "Nothing went wrong so far.",
    axis: () => linearAxis(Math.max(1, ...points.map(sum))) }),
];

// levelsOf are the thresholds of response times that the chart can show.
const levelsOf = (s) => s.thresholds.filter((t) => t.unit === "ms" && !t.group && t.expression.startsWith("response "))
  .map((t) => ({ at: t.limit, name: t.expression.replace("response ", "").replace("<=", "≤") }));

function drawAll(s) {
  const span = timeSpan(points.length > 0 ? points[points.length - 1].to_s : 0, s.end_s);
  plots.forEach((plot, i) => plot.draw(points, span, run.stages.length > 1 ? run.stages : [], i === 1 ? levelsOf(s) : []));
}

// rows fills a table. A cell is a text, or a text and its class.
function rows(id, lines) {
  $(id).replaceChildren(...lines.map((cells) => {
    const row = document.createElement("tr");
    for (const cell of cells) {
      const [text, className] = Array.isArray(cell) ? cell : [cell, ""];
      element(row, "td", className, text);
    }
    return row;
  }));
}

const observed = (t) => (t.state === "no data" ? "–" : (t.observed_at_least ? "≥ " : "") + digits(t.observed) + (t.unit === "%" ? "%" : " " + t.unit));
const stateClass = { met: "text good", missed: "text bad", "no data": "text" };

function tables(s) {
  rows("thresholds", s.thresholds.map((t) => [t.expression.replace("<=", "≤").replace(">=", "≥"), observed(t),
    (t.at_least ? "≥ " : "≤ ") + digits(t.limit) + (t.unit === "%" ? "%" : " " + t.unit), t.state === "no data" ? "–" : count(t.of),
    [t.state + (t.why ? ": " + t.why : ""), stateClass[t.state]]]));
  rows("outcomes", s.outcomes.map((o) => [o.label, count(o.count), [o.outcome, o.outcome === "as expected" ? "text" : "text bad"]]));
  rows("violations", s.violations.map((v) => [v.rule, count(v.count), [v.fails ? "fail" : "note", v.fails ? "text bad" : "text"]]));
  rows("stages", run.stages.map((st) => [st.name, clock(st.from_s), clock(st.to_s),
    [s.elapsed_s >= st.to_s ? "done" : s.elapsed_s >= st.from_s ? "now" : "to come", "text"]]));
  const steps = s.steps ?? [];
  rows("steps", steps.map((st) => [st.step, ...[st.ended, st.as_expected, st.unexpected + st.refused, st.violating, st.failed].map(count),
    milliseconds(st.response_ms, st.response_ms.p50), milliseconds(st.response_ms, st.response_ms.p99)]));
  $("followed").hidden = steps.length === 0;
  $("conforming").hidden = s.violations.length > 0;
  $("violations").closest(".scroll").hidden = s.violations.length === 0;
  $("staged").hidden = run.stages.length < 2;
}

function state(s) {
  if (s.done) return "The run is over; the verdict is in its report.";
  if (s.stopping) return `Stopping: mfaload sends nothing more and waits up to ${clock(run.drain_s)} for the responses in flight.`;
  return s.elapsed_s > s.end_s && s.end_s > 0 ? "Waiting for the last responses" : "Running";
}

function tiles(s) {
  set("planned", s.planned_rate > 0 ? digits(s.planned_rate) + "/s" : "–");
  set("achieved", digits(s.achieved_rate) + "/s");
  for (const p of ["p50", "p95", "p99"]) set(p, milliseconds(s.response_ms, s.response_ms[p]));
  set("inflight", count(s.in_flight), s.in_flight >= s.workers);
  set("bound", "of at most " + count(s.workers));
  set("ended", count(s.ended));
  set("scheduled", s.scheduled > 0 ? "of " + count(s.scheduled) : "");
  set("expected", count(s.as_expected));
  set("unexpected", count(s.unexpected + s.refused), s.unexpected + s.refused > 0);
  set("limited", s.refused > 0 ? `${count(s.refused)} of them 429` : "");
  set("violating", count(s.violating), s.violating > 0);
  set("failed", count(s.failed), s.failed > 0);
}

function show(s) {
  const done = s.done ? 1 : s.end_s > 0 ? Math.min(s.elapsed_s / s.end_s, 1) : s.scheduled > 0 ? s.ended / s.scheduled : 0;
  document.title = (s.done ? "" : Math.floor(100 * done) + "% – ") + s.scenario + " – mfaload";
  set("scenario", s.scenario);
  if ($("state").textContent !== state(s)) set("state", state(s)); // it is read out when it changes
  set("clock", `${clock(Math.floor(s.elapsed_s))}${s.end_s > 0 ? ` of ${clock(s.end_s)}, ${clock(Math.ceil(s.left_s))} left` : ""}`);
  set("stage", s.stage);
  $("progress").value = done;
  $("stop").hidden = !run.may_stop || s.done;
  $("stop").disabled = s.stopping;
  $("reader").hidden = run.may_stop || s.done;
  tiles(s);
  tables(s);
  drawAll(s);
}

const events = new EventSource("events?history");
events.addEventListener("run", (e) => {
  run = JSON.parse(e.data);
  points = [];
  set("drain", "up to " + clock(run.drain_s));
});
events.addEventListener("points", (e) => {
  const more = JSON.parse(e.data);
  points = more.whole ? more.points : points.concat(more.points);
});
events.onmessage = (e) => {
  const s = JSON.parse(e.data);
  show(s);
  if (s.done) events.close();
};
events.onerror = () => set("state", "No connection: the run is over, or mfaload can't be reached. This page tries again.", true);

$("stop").addEventListener("click", () => $("confirm").showModal());
$("keep").addEventListener("click", () => $("confirm").close());
$("really").addEventListener("click", async () => {
  $("confirm").close();
  $("stop").disabled = true;
  const response = await fetch("stop", { method: "POST" }).catch(() => null);
  if (response === null || !response.ok) {
    $("stop").disabled = false;
    set("state", "The run could not be stopped: press Ctrl-C where it runs.", true);
  }
});
