"use strict";
// Shows what /events tells. Texts are set as text, never as markup.
const kept = 300; // seconds in the charts
const samples = [];
const set = (id, text, bad) => {
  const e = document.getElementById(id);
  e.textContent = text;
  e.classList.toggle("bad", Boolean(bad));
};
const digits = (x) => (x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2));
const ms = (t, x) => (t.count > 0 ? digits(x) + " ms" : "–");
const clock = (s) => {
  s = Math.ceil(s);
  const two = (n) => String(n).padStart(2, "0");
  return (s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60);
};

function draw(id, of, top) {
  const points = samples.map((s, i) => `${((i + kept - samples.length) * 300) / (kept - 1)},${100 - (98 * of(s)) / top}`);
  document.getElementById(id).setAttribute("points", points.join(" "));
}

function show(s) {
  samples.push(s);
  if (samples.length > kept) samples.shift();
  document.title = s.scenario + " – mfaload";
  set("scenario", s.scenario);
  set("state", s.done ? "the run is over; the verdict is in its report" : `running, ${clock(s.elapsed_s)} of ${s.end_s > 0 ? clock(s.end_s) : "unknown"}`);
  set("stage", s.stage);
  document.getElementById("progress").value = s.done ? 1 : s.end_s > 0 ? Math.min(s.elapsed_s / s.end_s, 1) : s.scheduled > 0 ? s.ended / s.scheduled : 0;
  set("planned", s.planned_rate > 0 ? digits(s.planned_rate) + "/s" : "–");
  set("achieved", digits(s.achieved_rate) + "/s");
  set("p50", ms(s.response_ms, s.response_ms.p50));
  set("p99", ms(s.response_ms, s.response_ms.p99));
  set("inflight", `${s.in_flight} of ${s.workers}`, s.in_flight >= s.workers);
  set("expected", s.as_expected.toLocaleString());
  set("errors", (s.failed + s.unexpected).toLocaleString(), s.failed + s.unexpected > 0);
  set("limited", s.rate_limited.toLocaleString(), s.rate_limited > 0);
  set("violating", s.violating.toLocaleString(), s.violating > 0);
  set("left", s.end_s > 0 ? clock(s.left_s) : "–");
  const rate = Math.max(...samples.map((h) => Math.max(h.planned_rate, h.achieved_rate)), 1);
  draw("plannedLine", (h) => h.planned_rate, rate);
  draw("achievedLine", (h) => h.achieved_rate, rate);
  set("rateTop", digits(rate) + "/s");
  const time = Math.max(...samples.map((h) => h.response_ms.p99), 0.1);
  draw("p50Line", (h) => h.response_ms.p50, time);
  draw("p99Line", (h) => h.response_ms.p99, time);
  set("timeTop", digits(time) + " ms");
}

const events = new EventSource("events");
events.onmessage = (e) => {
  const s = JSON.parse(e.data);
  show(s);
  if (s.done) events.close();
};
events.onerror = () => set("state", "no connection: the run is over, or mfaload can't be reached", true);
