"use strict";
// What a page does with a script: it shows the figures under the pointer or the arrow keys, zooms
// into time, and hides series. All of the page is there without it.
const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
const shared = new Map(); // charts by the name of the axis that they share

const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
};

// clock writes seconds as the page does: 12.5 s, 1:30, 2:00:00.
const clock = (seconds) => {
  if (seconds < 60) return `${Number(seconds.toFixed(1))} s`;
  const s = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
};

// Chart is a figure of the page. Places are shares of its horizontal axis, from 0 to 1.
class Chart {
  constructor(figure) {
    this.figure = figure;
    this.frame = figure.querySelector(".frame");
    this.svg = figure.querySelector("svg");
    this.rows = [...figure.querySelectorAll("tr[data-x]")];
    this.places = this.rows.map((row) => Number(row.dataset.x) / 1000);
    this.names = [...figure.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    this.ticks = figure.querySelector(".xs");
    this.allTicks = [...this.ticks.children];
    this.from = Number(figure.dataset.from);
    this.seconds = Number(figure.dataset.to) - this.from;
    this.view = [0, 1];
    this.at = -1;
    this.peers = [this];
    if (figure.dataset.axis) {
      if (!shared.has(figure.dataset.axis)) shared.set(figure.dataset.axis, []);
      this.peers = shared.get(figure.dataset.axis);
      this.peers.push(this);
    }
    this.legend();
    if (this.rows.length > 0) this.read();
  }

  // legend makes each name of the legend a button that hides its series.
  legend() {
    for (const item of this.figure.querySelectorAll(".legend [data-s]")) {
      const button = make("button", "", ...item.childNodes);
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.title = "Hide or show";
      button.addEventListener("click", () => {
        const hide = button.getAttribute("aria-pressed") === "true";
        button.setAttribute("aria-pressed", String(!hide));
        for (const path of this.svg.querySelectorAll(`[data-s="${item.dataset.s}"]`)) path.classList.toggle("off", hide);
      });
      item.append(button);
    }
  }

  // read lets the pointer and the keyboard read values and zoom.
  read() {
    const { frame } = this;
    this.cursor = make("div", "cursor");
    this.selection = make("div", "selection");
    this.cursor.hidden = this.selection.hidden = true;
    this.value = make("p", "value");
    frame.append(this.cursor, this.selection);
    this.figure.querySelector(".plot").after(this.value);
    frame.tabIndex = 0;
    frame.setAttribute("role", "group");
    const zooms = this.figure.dataset.axis ? ", plus and minus zoom" : "";
    frame.setAttribute("aria-label", `${this.figure.querySelector("h3").textContent}: the arrow keys read values${zooms}`);
    frame.addEventListener("pointermove", (e) => {
      this.point(this.nearest(this.place(e)));
      if (this.start !== undefined) this.select(this.start, this.place(e));
    });
    frame.addEventListener("pointerdown", (e) => {
      if (!this.figure.dataset.axis || e.button !== 0 || e.pointerType === "touch") return;
      frame.setPointerCapture(e.pointerId);
      this.start = this.place(e);
    });
    frame.addEventListener("pointerup", (e) => {
      const [from, to] = [this.start, this.place(e)].sort((a, b) => a - b);
      this.drop();
      if (to - from > 0.01 * (this.view[1] - this.view[0])) this.zoom(from, to);
    });
    frame.addEventListener("pointercancel", () => this.drop());
    frame.addEventListener("pointerleave", () => this.hide());
    frame.addEventListener("dblclick", () => this.zoom(0, 1));
    frame.addEventListener("focus", () => this.value.setAttribute("role", "status"));
    frame.addEventListener("blur", () => {
      this.value.removeAttribute("role");
      this.hide();
    });
    frame.addEventListener("keydown", (e) => this.key(e));
  }

  key(e) {
    const [from, to] = this.view;
    const seen = this.places.map((p, i) => (p >= from && p <= to ? i : -1)).filter((i) => i >= 0);
    const first = seen[0] ?? 0, last = seen.at(-1) ?? this.rows.length - 1;
    const far = Math.max(1, Math.round((last - first) / 20));
    const goal = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, PageUp: this.at - far, PageDown: this.at + far, Home: first, End: last }[e.key];
    if (e.key === "Escape") {
      this.hide();
      this.zoom(0, 1);
    } else if (["+", "=", "-"].includes(e.key) && this.figure.dataset.axis) {
      const half = (e.key === "-" ? 1 : 0.25) * (to - from), middle = this.at < 0 ? (from + to) / 2 : this.places[this.at];
      this.zoom(middle - half, middle + half);
    } else if (goal === undefined) {
      return;
    } else {
      this.point(Math.min(Math.max(goal, first), last));
    }
    e.preventDefault();
  }

  // place is where on the axis the pointer is.
  place(e) {
    const box = this.frame.getBoundingClientRect(), share = Math.min(1, Math.max(0, (e.clientX - box.left) / box.width));
    return this.view[0] + share * (this.view[1] - this.view[0]);
  }

  seen(place) {
    return (place - this.view[0]) / (this.view[1] - this.view[0]);
  }

  nearest(place) {
    return this.places.reduce((best, p, i) => (Math.abs(p - place) < Math.abs(this.places[best] - place) ? i : best), 0);
  }

  // point shows a row of the table, and all charts of the axis what they have there.
  point(row) {
    for (const peer of this.peers) if (peer.rows.length > 0) peer.show(this.places[row], peer === this ? row : peer.nearest(this.places[row]));
  }

  show(place, row) {
    this.at = row;
    this.cursor.hidden = place < this.view[0] || place > this.view[1];
    this.cursor.style.left = `${100 * this.seen(place)}%`;
    this.value.replaceChildren(...[...this.rows[row].cells].flatMap((cell, k) => {
      return [make("span", "", this.names[k]), make("b", "", cell.textContent.trim() || "–"), " "];
    }));
  }

  hide() {
    for (const peer of this.peers.filter((peer) => peer.rows.length > 0)) {
      peer.at = -1;
      peer.cursor.hidden = true;
      peer.value.replaceChildren();
    }
  }

  select(from, to) {
    this.selection.hidden = false;
    this.selection.style.left = `${100 * this.seen(Math.min(from, to))}%`;
    this.selection.style.width = `${100 * Math.abs(this.seen(to) - this.seen(from))}%`;
  }

  drop() {
    this.start = undefined;
    this.selection.hidden = true;
  }

  // zoom shows a part of the axis in all charts that share it.
  zoom(from, to) {
    const shortest = 2 / Math.max(...this.peers.map((peer) => peer.rows.length), 2);
    const middle = (from + to) / 2, half = Math.max(to - from, shortest) / 2;
    const view = [Math.max(0, middle - half), Math.min(1, middle + half)];
    for (const peer of this.peers) peer.draw(view);
    const { from: start, seconds } = this;
    bar.show(view, clock(start + view[0] * seconds), clock(start + view[1] * seconds), () => this.zoom(0, 1));
  }

  draw(view) {
    this.view = view;
    const whole = view[0] === 0 && view[1] === 1;
    this.figure.classList.toggle("zoomed", !whole);
    this.svg.setAttribute("viewBox", `${1000 * view[0]} 0 ${1000 * (view[1] - view[0])} 1000`);
    for (const stage of this.frame.querySelectorAll(".stage:not(.place)")) {
      stage.dataset.from ??= parseFloat(stage.style.left) / 100;
      stage.dataset.to ??= Number(stage.dataset.from) + parseFloat(stage.style.width) / 100;
      const [from, to] = [stage.dataset.from, stage.dataset.to].map((place) => Math.min(1, Math.max(0, this.seen(Number(place)))));
      stage.style.left = `${100 * from}%`;
      stage.style.width = `${100 * (to - from)}%`;
      stage.hidden = to - from < 0.02;
    }
    this.ticks.replaceChildren(...(whole ? this.allTicks : this.newTicks(view)));
  }

  newTicks([a, z]) {
    const from = this.from + a * this.seconds, to = this.from + z * this.seconds;
    const step = steps.find((s) => (to - from) / s <= 7) ?? steps.at(-1) * Math.ceil((to - from) / steps.at(-1) / 7);
    const ticks = [];
    for (let k = Math.ceil(from / step); k * step <= to; k++) {
      const share = (k * step - from) / (to - from);
      const tick = make("span", share < 0.03 ? "first" : share > 0.97 ? "last" : "", clock(k * step));
      tick.style.left = `${100 * share}%`;
      ticks.push(tick);
    }
    return ticks;
  }
}

// bar says what part of the time is shown, and leads back to all of it.
const bar = {
  show(view, from, to, back) {
    this.element?.remove();
    if (view[0] === 0 && view[1] === 1) return;
    const button = make("button", "", "Show all");
    button.type = "button";
    button.addEventListener("click", back);
    this.element = make("p", "zoom", `${from} to ${to} `, button);
    document.querySelector("main").append(this.element);
  },
};

for (const figure of document.querySelectorAll(".chart")) new Chart(figure);
