
"use strict";
// Shows the figures that a pointer or the arrow keys are over. They are those of
// the chart's table; all of the page is there without this.
for (const chart of document.querySelectorAll(".chart")) {
  const rows = [...chart.querySelectorAll("tr[data-x]")];
  if (rows.length === 0) continue;
  const places = rows.map((row) => Number(row.dataset.x) / 1000);
  const names = [...chart.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
  const frame = chart.querySelector(".frame");
  const cursor = document.createElement("div");
  const value = document.createElement("p");
  let at = -1;
  cursor.className = "cursor";
  cursor.hidden = true;
  value.className = "value";
  value.setAttribute("role", "status");
  frame.append(cursor);
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", chart.querySelector("h3").textContent + ": the arrow keys read values");
  chart.querySelector(".plot").after(value);
  const show = (i) => {
    at = Math.min(Math.max(i, 0), rows.length - 1);
    cursor.hidden = false;
    cursor.style.left = 100 * places[at] + "%";
    value.replaceChildren(...[...rows[at].cells].flatMap((cell, k) => {
      const name = document.createElement("span");
      const figure = document.createElement("b");
      name.textContent = names[k];
      figure.textContent = cell.textContent.trim() || "–";
      return [name, figure, " "];
    }));
  };
  const hide = () => {
    at = -1;
    cursor.hidden = true;
    value.replaceChildren();
  };
  frame.addEventListener("pointermove", (e) => {
    const box = frame.getBoundingClientRect();
    const x = (e.clientX - box.left) / box.width;
    show(places.reduce((best, p, i) => (Math.abs(p - x) < Math.abs(places[best] - x) ? i : best), 0));
  });
  frame.addEventListener("pointerleave", hide);
  frame.addEventListener("blur", hide);
  frame.addEventListener("keydown", (e) => {
    const far = Math.max(1, Math.round(rows.length / 20));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at - far, PageDown: at + far, Home: 0, End: rows.length - 1 }[e.key];
    if (e.key === "Escape") hide();
    if (to === undefined) return;
    e.preventDefault();
    show(to);
  });
}
