// Looks at pages in Chromium: see look.sh.
const fs = require("fs");
const path = require("path");
const { chromium } = require("./.node/look/node_modules/playwright-core");
const axe = fs.readFileSync(require.resolve("./.node/look/node_modules/axe-core/axe.min.js"), "utf8");

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb"];
const looks = [];
for (const width of [380, 1280, 1920]) for (const scheme of ["light", "dark"]) looks.push({ width, scheme, media: "screen" });
looks.push({ width: 794, scheme: "light", media: "print" }); // A4

// What is asked of the page itself. It runs in the browser.
function examine() {
  const wide = [];
  for (const e of document.querySelectorAll("body *")) {
    const box = e.getBoundingClientRect();
    const scrolls = e.closest(".scroll, pre, svg");
    if (box.width > 0 && (box.right > window.innerWidth + 1 || box.left < -1) && (!scrolls || scrolls === e)) {
      wide.push(`${e.tagName.toLowerCase()}.${e.className.baseVal ?? e.className} ${Math.round(box.left)}–${Math.round(box.right)}`);
    }
  }
  const charts = [...document.querySelectorAll("svg[role=img]")].map((svg) => {
    const box = svg.getBoundingClientRect();
    return {
      title: svg.querySelector("title")?.textContent ?? svg.getAttribute("aria-label") ?? "",
      drawn: [...svg.querySelectorAll("path:not(.grid), polyline")].filter((e) => (e.getAttribute("d") ?? e.getAttribute("points") ?? "") !== "").length,
      width: Math.round(box.width), height: Math.round(box.height),
    };
  });
  return { wide: wide.slice(0, 20), scroll: document.documentElement.scrollWidth - window.innerWidth, charts };
}

// readValues walks over a chart with the keyboard alone.
async function readValues(page) {
  const frame = page.locator(".frame[tabindex]").first();
  if ((await frame.count()) === 0) return "";
  await frame.focus();
  await page.keyboard.press("End");
  return (await page.locator(".value").first().textContent()).trim();
}

async function look(browser, page, how, shots) {
  const address = page.includes("://") ? page : "file://" + path.resolve(page);
  const found = { page, ...how, console: [], requests: [] };
  const context = await browser.newContext({ viewport: { width: how.width, height: 900 }, colorScheme: how.scheme });
  const tab = await context.newPage();
  tab.on("console", (m) => { if (["error", "warning"].includes(m.type())) found.console.push(m.text()); });
  tab.on("pageerror", (e) => found.console.push(String(e)));
  tab.on("request", (r) => { if (r.url() !== address) found.requests.push(r.url()); });
  await tab.emulateMedia({ media: how.media, colorScheme: how.scheme });
  await tab.goto(address, { waitUntil: "load" });
  if (page.includes("://")) await tab.waitForTimeout(1500); // what is shown live
  Object.assign(found, await tab.evaluate(examine));
  if (how.media === "screen") {
    await tab.evaluate(axe);
    const result = await tab.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    found.accessibility = result.violations.map((v) => `${v.id}: ${v.nodes.length}× ${v.nodes[0].target} ${(v.nodes[0].any[0] ?? v.nodes[0].all[0] ?? {}).message ?? ""}`);
    found.read = await readValues(tab);
    await tab.evaluate(() => { document.activeElement?.blur(); document.querySelectorAll("details").forEach((d) => { d.open = true; }); });
    found.opened = (await tab.evaluate(examine)).wide;
    await tab.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = d.hasAttribute("data-open"); }));
  }
  if (shots) {
    const name = `${path.basename(page).replace(/[^A-Za-z0-9.-]+/g, "-")}-${how.width}-${how.media === "print" ? "print" : how.scheme}.png`;
    await tab.screenshot({ path: path.join(shots, name), fullPage: true });
  }
  await context.close();
  console.log(JSON.stringify(found));
}

async function main() {
  const args = process.argv.slice(2);
  const shots = args[0] === "--screenshots" ? args.splice(0, 2)[1] : "";
  if (shots) fs.mkdirSync(shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.MFALOAD_CHROMIUM, args: flags });
  try {
    for (const page of args) for (const how of looks) await look(browser, page, how, shots);
  } finally {
    await browser.close();
  }
}

main().catch((e) => {
  console.error("look: " + e);
  process.exit(1);
});
