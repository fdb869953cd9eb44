// Looks at pages in Chromium: see look.sh.
const fs = require("fs");
const os = require("os");
const path = require("path");
const { chromium } = require("./.node/look/node_modules/playwright-core");
const axe = fs.readFileSync(require.resolve("./.node/look/node_modules/axe-core/axe.min.js"), "utf8");

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb"];
const widths = [380, 1280, 1920];
const paper = 794; // A4

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
  const figures = Object.fromEntries([...document.querySelectorAll("dd[id], dd [id]")].map((e) => [e.id, e.textContent.trim()]));
  const tables = Object.fromEntries([...document.querySelectorAll(".scroll[aria-label]")].map((e) => [e.getAttribute("aria-label"),
    [...e.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent.trim()))]));
  return { wide: wide.slice(0, 20), scroll: document.documentElement.scrollWidth - window.innerWidth, charts, figures, tables };
}

// readValues walks over a chart with the keyboard alone.
async function readValues(page) {
  const frame = page.locator(".frame[tabindex]").first();
  if ((await frame.count()) === 0) return "";
  await frame.focus();
  await page.keyboard.press("End");
  return (await page.locator(".value").first().textContent()).trim();
}

// use does what a reader can do with the charts, and says what came of it: the paths that the
// first entry of the legend hid, the charts that plus zoomed into, and the choices shown then.
async function use(page) {
  const frame = page.locator("[data-axis] .frame[tabindex]").first();
  if ((await frame.count()) === 0) return null;
  const legend = page.locator(".legend button").first();
  await legend.click();
  const hidden = await page.locator("svg path.off").count();
  await legend.click();
  await frame.focus();
  await page.keyboard.press("+");
  const zoomed = await page.evaluate(() => document.querySelectorAll(".zoomed svg:not([viewBox^='0 0 1000 '])").length);
  await page.keyboard.press("Escape");
  const left = await page.locator(".zoomed").count();
  await page.locator("[name=choice]").first().check();
  const chosen = await page.evaluate(() => {
    const shown = [...document.querySelectorAll("svg g[data-q]")].filter((e) => getComputedStyle(e).display !== "none");
    return [...new Set(shown.map((e) => e.dataset.q))].join();
  });
  return { hidden, zoomed, left, chosen };
}

// look loads a page in a scheme and looks at it in all widths.
async function look(browser, page, scheme, shots) {
  const address = page.includes("://") ? page : "file://" + path.resolve(page);
  const context = await browser.newContext({ viewport: { width: widths[0], height: 900 }, colorScheme: scheme });
  const tab = await context.newPage();
  const said = { console: [], requests: [] };
  tab.on("console", (m) => { if (["error", "warning"].includes(m.type())) said.console.push(m.text()); });
  tab.on("pageerror", (e) => said.console.push(String(e)));
  // A file asks for nothing, a server's page for nothing of others.
  const own = (url) => url === address || (page.includes("://") && new URL(url).origin === new URL(page).origin);
  tab.on("request", (r) => { if (!own(r.url())) said.requests.push(r.url()); });
  await tab.goto(address, { waitUntil: "load" });
  if (page.includes("://")) await tab.waitForTimeout(1500); // for what comes later
  const looks = widths.map((width) => ({ width, media: "screen" }));
  if (scheme === "light") looks.push({ width: paper, media: "print" });
  for (const how of looks) {
    await tab.emulateMedia({ media: how.media, colorScheme: scheme });
    await tab.setViewportSize({ width: how.width, height: 900 });
    const found = { page, scheme, ...how, ...(await tab.evaluate(examine)) };
    if (how.media === "screen") {
      if (how.width === 1280 || how.width === 380 && scheme === "light") found.accessibility = await check(tab, scheme, how.width);
      found.read = await readValues(tab);
      if (how.width === 1280 && scheme === "dark") found.used = await use(tab);
      found.opened = await opened(tab);
    }
    if (shots) {
      const name = `${path.basename(page).replace(/[^A-Za-z0-9.-]+/g, "-")}-${how.width}-${how.media === "print" ? "print" : scheme}.png`;
      await tab.screenshot({ path: path.join(shots, name), fullPage: true });
    }
    console.log(JSON.stringify({ ...found, console: said.console.splice(0), requests: said.requests.splice(0) }));
  }
  await context.close();
}

// check holds the page against axe-core: all of it in the light, but on a phone for its
// colours, which are those of a screen; in the dark only they are others. The rows of a table
// are alike: axe, which is slow with thousands of them, sees ten of each.
async function check(tab, scheme, width) {
  const rules = scheme === "dark" ? { runOnly: ["color-contrast"] } : width === 380 ? { rules: { "color-contrast": { enabled: false } } } : {};
  await tab.evaluate(`window.axe || (() => { ${axe} })()`);
  const result = await tab.evaluate(async (options) => {
    const later = [...document.querySelectorAll("tbody tr:nth-child(n+11)")].map((row) => [row.parentNode, row]);
    later.forEach(([, row]) => row.remove());
    const found = await axe.run(document, options);
    later.forEach(([body, row]) => body.append(row));
    return found;
  }, { resultTypes: ["violations"], ...rules });
  return result.violations.map((v) => `${v.id}: ${v.nodes.length}× ${v.nodes[0].target} ${(v.nodes[0].any[0] ?? v.nodes[0].all[0] ?? {}).message ?? ""}`);
}

// opened says what does not fit when all that can be opened is.
async function opened(tab) {
  await tab.evaluate(() => {
    document.activeElement?.blur();
    document.querySelectorAll("details:not([open])").forEach((d) => { d.open = d.dataset.closed = true; });
  });
  const { wide } = await tab.evaluate(examine);
  await tab.evaluate(() => document.querySelectorAll("details[data-closed]").forEach((d) => { d.open = false; delete d.dataset.closed; }));
  return wide;
}

async function main() {
  const args = process.argv.slice(2);
  const shots = args[0] === "--screenshots" ? args.splice(0, 2)[1] : "";
  if (shots) fs.mkdirSync(shots, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.MFALOAD_CHROMIUM, args: flags });
  try {
    const all = args.flatMap((page) => ["light", "dark"].map((scheme) => ({ page, scheme })));
    const some = async () => { for (let next; (next = all.shift());) await look(browser, next.page, next.scheme, shots); };
    await Promise.all(Array.from({ length: os.availableParallelism() }, some));
  } finally {
    await browser.close();
  }
}

main().catch((e) => {
  console.error("look: " + e);
  process.exit(1);
});
