"use strict";
// Draws charts of the run so far into the elements and classes that the charts of reports have.

// digits writes a number to three significant digits, and whole from 100 on.
function digits(x) {
  if (x === 0) return "0";
  const decimals = Math.min(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x)) + 1e-9)), 6);
  return decimals === 0 ? Math.round(x).toLocaleString("en") : String(Number(x.toFixed(decimals)));
}

// clock writes seconds as people read them: "12 s", "1:30", "2:00:00".
function clock(seconds) {
  if (seconds < 60) return digits(seconds) + " s";
  const s = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  return (s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60);
}

const decade = (x) => Math.pow(10, Math.floor(Math.log10(x) + 1e-9));

// below125 and next125 are steps of 1, 2, 5, 10, …
function below125(x) {
  const m = x / decade(x);
  return (m >= 5 * (1 - 1e-9) ? 5 : m >= 2 * (1 - 1e-9) ? 2 : 1) * decade(x);
}

function next125(x) {
  const m = x / decade(x);
  return (m < 1.5 ? 2 : m < 3.5 ? 5 : 10) * decade(x);
}

function linearAxis(high) {
  let step = below125(high / 4.5);
  if (step < (high / 4.5) * (1 - 1e-9)) step = next125(step);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last + 1 }, (_, k) => ({ at: k * step, text: digits(k * step) }));
  return { share: (v) => v / (last * step), ticks };
}

function logAxis(low, high) {
  const from = below125(low);
  let to = next125(from);
  while (to < high * (1 - 1e-9)) to = next125(to);
  const ticks = [];
  for (let v = from; v <= to * (1 + 1e-9); v = next125(v)) {
    if (to / from <= 300 || v / decade(v) < 1.5) ticks.push({ at: v, text: digits(v) });
  }
  return { share: (v) => Math.log(Math.max(v, from) / from) / Math.log(to / from), ticks };
}

const clockSteps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

function clockAxis(to) {
  const step = clockSteps.find((s) => to / s <= 7) ?? 86400 * Math.ceil(to / 86400 / 7);
  const ticks = [];
  for (let v = 0; v <= to; v += step) ticks.push({ at: v, text: clock(v) });
  return { share: (v) => Math.min(v / to, 1), ticks };
}

// timeSpan is how much time a chart shows: it grows now and then, not each second.
function timeSpan(elapsed, end) {
  const step = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400].find((s) => s >= elapsed) ?? elapsed;
  return Math.max(elapsed, end > 0 ? Math.min(step, end) : step);
}

function element(parent, name, className, text) {
  const e = name === "path" || name === "svg" || name === "title" || name === "desc"
    ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  if (className) e.setAttribute("class", className);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

// Plot is one chart. A trace has a name, a look, a kind (line, dashed or bars) and a function of a point.
// Bars lie on one another. Where all is 0 and there is a text for that, the text is shown in place of the drawing.
class Plot {
  constructor(parent, how) {
    this.how = how;
    const figure = element(parent, "figure", "chart");
    const caption = element(figure, "figcaption");
    element(caption, "h3", "", how.title);
    element(caption, "p", "", how.text);
    this.nothing = element(figure, "p", "good", how.nothing);
    const legend = (this.legend = element(figure, "ul", "legend"));
    for (const t of how.traces) {
      const item = element(legend, "li");
      element(item, "i", `${t.kind} k-${t.look}`).setAttribute("aria-hidden", "true");
      item.append(t.name);
    }
    const plot = (this.plot = element(figure, "div", "plot"));
    plot.style.setProperty("--h", "200px");
    element(plot, "div", "unit", how.unit).setAttribute("aria-hidden", "true");
    this.ys = element(plot, "div", "ys");
    this.frame = element(plot, "div", "frame");
    this.xs = element(plot, "div", "xs");
    this.ys.setAttribute("aria-hidden", "true");
    this.xs.setAttribute("aria-hidden", "true");
    this.svg = element(this.frame, "svg");
    for (const [name, value] of [["viewBox", "0 0 1000 1000"], ["preserveAspectRatio", "none"], ["role", "img"], ["aria-label", how.title]]) {
      this.svg.setAttribute(name, value);
    }
    element(this.svg, "title", "", how.title);
    this.labels = element(this.frame, "div", "labels");
    this.labels.setAttribute("aria-hidden", "true");
    this.cursor = element(this.frame, "div", "cursor");
    this.value = element(figure, "p", "value");
    this.value.setAttribute("role", "status");
    this.points = [];
    this.read(-1);
    this.listen();
  }

  // draw shows points, the stages behind them and levels across them.
  draw(points, span, stages, levels) {
    this.points = points;
    this.span = span;
    const empty = this.how.nothing !== undefined && !points.some((p) => this.how.traces.some((t) => t.of(p) > 0));
    this.nothing.hidden = !empty;
    this.legend.hidden = this.plot.hidden = this.value.hidden = empty;
    const y = this.how.axis(points, levels);
    const x = clockAxis(span);
    const place = (v) => String(Math.round(v * 10000) / 10);
    const across = (v) => place(x.share(v));
    const down = (v) => place(1 - y.share(v));
    this.svg.querySelectorAll("path").forEach((p) => p.remove());
    this.labels.replaceChildren();
    for (const t of y.ticks) element(this.svg, "path", "grid").setAttribute("d", `M0 ${down(t.at)}H1000`);
    for (const s of stages) this.stage(s, x, across);
    const base = points.map(() => 0);
    for (const t of this.how.traces) {
      element(this.svg, "path", `${t.kind} k-${t.look}`).setAttribute("d", t.kind === "bars" ? bars(points, t, base, across, down) : line(points, t, across, down));
    }
    for (const l of levels) {
      element(this.svg, "path", "limit k-bad").setAttribute("d", `M0 ${down(l.at)}H1000`);
      element(this.labels, "span", "level", l.name).style.bottom = 100 * y.share(l.at) + "%";
    }
    this.ticks(x, y);
    this.read(this.at);
  }

  stage(s, x, across) {
    if (s.from_s >= this.span) return;
    element(this.svg, "path", s.warmup ? "span k-faint" : "mark k-faint").setAttribute("d",
      s.warmup ? `M${across(s.from_s)} 0V1000H${across(s.to_s)}V0z` : `M${across(s.from_s)} 0V1000`);
    const [from, to] = [x.share(s.from_s), x.share(s.to_s)];
    if (to - from < Math.min(0.02 + 0.014 * s.name.length, 0.2)) return;
    const label = element(this.labels, "span", "stage", s.name);
    label.style.left = 100 * from + "%";
    label.style.width = 100 * (to - from) + "%";
  }

  ticks(x, y) {
    this.ys.replaceChildren();
    this.xs.replaceChildren();
    this.ys.style.setProperty("--w", Math.max(5, ...y.ticks.map((t) => t.text.length)) + "ch");
    for (const t of y.ticks) element(this.ys, "span", "", t.text).style.bottom = 100 * y.share(t.at) + "%";
    for (const t of x.ticks) {
      const share = x.share(t.at);
      element(this.xs, "span", share < 0.03 ? "first" : share > 0.97 ? "last" : "", t.text).style.left = 100 * share + "%";
    }
  }

  // read shows the figures of a point; those of none below 0.
  read(i) {
    this.at = Math.min(i, this.points.length - 1);
    this.cursor.hidden = this.at < 0;
    this.value.replaceChildren();
    if (this.at < 0) return;
    const p = this.points[this.at];
    this.cursor.style.left = (50 * (p.from_s + p.to_s)) / this.span + "%";
    const figures = this.how.traces.map((t) => [t.name, t.of(p)]);
    for (const [name, text] of [["at", clock(p.to_s)], ...figures.map(([name, v]) => [name, Number.isNaN(v) ? "–" : digits(v) + " " + this.how.unit.split(",")[0]])]) {
      element(this.value, "span", "", name);
      element(this.value, "b", "", text);
      this.value.append(" ");
    }
  }

  listen() {
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "group");
    this.frame.setAttribute("aria-label", this.how.title + ": the arrow keys read values");
    this.frame.addEventListener("pointermove", (e) => {
      const box = this.frame.getBoundingClientRect();
      const at = (this.span * (e.clientX - box.left)) / box.width;
      const i = this.points.findIndex((p) => p.to_s >= at);
      this.read(i < 0 ? this.points.length - 1 : i);
    });
    for (const away of ["pointerleave", "blur"]) this.frame.addEventListener(away, () => this.read(-1));
    this.frame.addEventListener("keydown", (e) => {
      const last = this.points.length - 1;
      const to = { ArrowLeft: Math.max(this.at - 1, 0), ArrowRight: this.at + 1, Home: 0, End: last }[e.key];
      if (e.key === "Escape") this.read(-1);
      if (to === undefined) return;
      e.preventDefault();
      this.read(to);
    });
  }
}

// line goes through the middle of each point, and has gaps where there is no figure.
function line(points, trace, across, down) {
  let d = "";
  let pen = "M";
  for (const p of points) {
    const v = trace.of(p);
    const at = across((p.from_s + p.to_s) / 2);
    d += Number.isNaN(v) ? "" : pen + at + " " + down(v) + (pen === "M" ? "h0" : "");
    pen = Number.isNaN(v) ? "M" : "L";
  }
  return d;
}

// bars lie on what is below them, and become what is below the next.
function bars(points, trace, base, across, down) {
  let d = "";
  points.forEach((p, i) => {
    const v = trace.of(p);
    if (!(v > 0)) return;
    d += `M${across(p.from_s)} ${down(base[i])}V${down(base[i] + v)}H${across(p.to_s)}V${down(base[i])}z`;
    base[i] += v;
  });
  return d;
}
