"use strict";
// The picture of a run. All data is text: nothing here writes HTML.
const run = JSON.parse(document.getElementById("run").textContent);
const HEIGHT = 26;
const grid = document.getElementById("grid");
const rowsBox = document.getElementById("rows");
const detail = document.getElementById("detail");
const search = document.getElementById("search");
const folded = new Set();
let query = "", picked = null, showSteps = !run.has_nodes, from = 0, to = run.seconds || 0.001;
let shown = [];

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined && text !== null) element.textContent = text;
  return element;
}
const seconds = (value) => value === null || value === undefined ? ""
  : value >= 100 ? `${value.toFixed(0)} s` : value >= 1 ? `${value.toFixed(2)} s` : `${(value * 1000).toFixed(0)} ms`;
const number = (value) => value ? value.toLocaleString("en") : "";
const money = (value) => value === null || value === undefined ? "" : Number(value.toPrecision(3)).toString();
const percent = (at) => 100 * (at - from) / (to - from);

function haystack(span) {
  span.hay ??= [span.name, span.kind, span.status, JSON.stringify(span.detail)].join("\n").toLowerCase();
  return span.hay;
}
function select() {
  shown = [];
  for (const lane of run.lanes) {
    const spans = lane.spans.filter((it) => (showSteps || it.kind !== "step") && (!query || haystack(it).includes(query)));
    if (!spans.length) continue;
    shown.push({ lane });
    if (!folded.has(lane) || query) for (const span of spans) shown.push({ span, lane });
  }
  document.getElementById("found").textContent = query ? `${shown.filter((it) => it.span).length} found` : "";
  rowsBox.style.height = `${shown.length * HEIGHT}px`;
  draw();
}

let waiting = false;
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const first = Math.max(0, Math.floor((grid.scrollTop - HEIGHT) / HEIGHT) - 2);
    const last = Math.min(shown.length, first + Math.ceil(grid.clientHeight / HEIGHT) + 5);
    rowsBox.replaceChildren(...shown.slice(first, last).map((item, n) => row(item, first + n)));
    drawHead();
  });
}
function cell(className, text) { return make("div", className, text); }

function row(item, index) {
  const element = make("div", item.span ? "row" : "row lane");
  element.style.top = `${index * HEIGHT}px`;
  element.id = `row-${index}`;
  element.setAttribute("role", "row");
  element.setAttribute("aria-rowindex", index + 1);
  const isPicked = picked !== null && (item.span ?? item.lane) === (picked.span ?? picked.lane);
  element.setAttribute("aria-selected", isPicked);
  if (isPicked) { element.classList.add("picked"); grid.setAttribute("aria-activedescendant", element.id); }
  const of = item.span ?? item.lane;
  const name = cell("name", item.span ? of.name : `${folded.has(of) ? "▸" : "▾"} ${of.name}`);
  name.title = of.name;
  if (item.span) {
    name.style.paddingLeft = `${16 + 14 * of.depth[showSteps ? 1 : 0]}px`;
    name.append(" ", make("span", "kind", of.kind));
    if (of.status !== "completed") name.append(" ", make("span", `state ${of.status}`, of.status));
    if (of.retry) name.append(" ", make("span", "state retry", "retry"));
  }
  const chart = cell("chart");
  if (item.span) chart.append(...bar(of));
  element.append(name, cell("count", number(of.input)), cell("count", number(of.output)), cell("cost", money(of.cost)),
    cell("time", item.span ? seconds(of.measured ? of.end - of.start : null) : ""), chart);
  element.addEventListener("click", () => { pick(item); item.span ? open(of) : fold(of); });
  return element;
}
function bar(span) {
  if (span.end < from || span.start > to) return [];
  const element = make("div", `bar ${span.kind} ${span.status}`);
  const left = Math.max(0, percent(span.start)), right = Math.min(100, percent(span.end));
  element.style.left = `min(${left}%, calc(100% - 3px))`;
  if (span.kind !== "interrupt") element.style.width = `${right - left}%`;
  element.title = `${span.name}  ${seconds(span.end - span.start)}`;
  if (span.first !== null && span.end > span.start) {
    const at = 100 * (span.first - span.start) / (span.end - span.start);
    const wait = make("div", "wait"), mark = make("div", "first");
    wait.style.width = `${at}%`; mark.style.left = `${Math.min(at, 99)}%`;
    mark.title = `first token after ${seconds(span.first - span.start)}`;
    element.append(wait, mark);
  }
  return [element];
}
function drawHead() {
  const ticks = document.getElementById("ticks");
  const step = 10 ** Math.floor(Math.log10((to - from) / 10));
  const by = [1, 2, 5, 10, 20, 50].map((it) => it * step).find((it) => (to - from) / it <= Math.max(1, ticks.clientWidth / 70)) ?? to - from;
  const marks = [];
  for (let at = Math.ceil(from / by) * by; at <= to && marks.length < 20; at += by) {
    const mark = make("div", "tick", seconds(at) || "0");
    mark.style.left = `${percent(at)}%`;
    marks.push(mark);
  }
  ticks.replaceChildren(...marks);
}

function fold(lane) { folded.has(lane) ? folded.delete(lane) : folded.add(lane); select(); }
function pick(item) { picked = item; draw(); }
function move(by) {
  const now = shown.findIndex((it) => picked && (it.span ?? it.lane) === (picked.span ?? picked.lane));
  const index = Math.max(0, Math.min(shown.length - 1, now + by));
  if (!shown[index]) return;
  const top = index * HEIGHT;
  if (top < grid.scrollTop) grid.scrollTop = top;
  if (top + 2 * HEIGHT > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + 3 * HEIGHT - grid.clientHeight;
  pick(shown[index]);
  if (!detail.hidden && shown[index].span) open(shown[index].span);
}
function open(span) {
  const list = make("dl");
  const add = (name, value) => { if (value) list.append(make("dt", "", name), make("dd", "", value)); };
  add("kind", span.kind); add("status", span.status); add("started", `+${seconds(span.start) || "0"}`);
  add("took", span.measured ? seconds(span.end - span.start) : "not measured by this API");
  add("first token", span.first === null ? "" : seconds(span.first - span.start));
  add("tokens in", number(span.input)); add("tokens out", number(span.output)); add("cost", money(span.cost));
  for (const [name, value] of Object.entries(span.detail.facts)) add(name, value);
  const close = make("button", "", "close"); close.id = "close"; close.addEventListener("click", shut);
  detail.replaceChildren(close, make("h2", "", span.name), list);
  for (const [name, text] of span.detail.texts) detail.append(make("h3", "", name), make("pre", "", text));
  detail.hidden = false; detail.scrollTop = 0;
  draw();
}
function shut() { detail.hidden = true; grid.focus(); draw(); }
function zoom(factor) {
  const middle = picked?.span ? (picked.span.start + picked.span.end) / 2 : (from + to) / 2;
  const half = Math.min(run.seconds, (to - from) * factor) / 2 || 0.0005;
  from = Math.max(0, Math.min(middle - half, run.seconds - 2 * half)); to = from + 2 * half;
  draw();
}
function theme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
}
const KEYS = {
  ArrowDown: () => move(1), ArrowUp: () => move(-1), j: () => move(1), k: () => move(-1),
  PageDown: () => move(20), PageUp: () => move(-20), Home: () => move(-1e9), End: () => move(1e9),
  Enter: () => picked && (picked.span ? open(picked.span) : fold(picked.lane)),
  ArrowLeft: () => picked && !folded.has(picked.lane) && fold(picked.lane),
  ArrowRight: () => picked && folded.has(picked.lane) && fold(picked.lane),
  Escape: shut, "/": () => search.focus(), "+": () => zoom(0.5), "-": () => zoom(2),
  0: () => { from = 0; to = run.seconds || 0.001; draw(); },
  d: theme, s: () => { showSteps = !showSteps; select(); },
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.activeElement === search) {
    if (event.key === "Escape") { search.value = ""; query = ""; select(); }
    if (event.key === "Escape" || event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); grid.focus(); }
    return;
  }
  const act = KEYS[event.key];
  if (act) { event.preventDefault(); act(); }
});
search.addEventListener("input", () => { query = search.value.toLowerCase(); grid.scrollTop = 0; select(); });
document.getElementById("theme").addEventListener("click", theme);
grid.addEventListener("scroll", draw);
addEventListener("resize", draw);
if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.dataset.theme = "dark";
select();
grid.focus();
