"use strict";
// Draws the profile in #data. Of two profiles the first is the later one ("after"), and weights of
// the second ("before") are multiplied with `factor` so that they compare.

const DATA = JSON.parse(document.getElementById("data").textContent);
const IS_DIFF = DATA.profiles.length === 2;
const UNIT = DATA.profiles[0].unit;
const LABELS = ["node", "version", "service", "route", "model", "thread"];
const ROW_PX = 20;
// What is narrower is not drawn; zooming in shows it.
const NARROWEST_PX = 1.5;
const TEXT_FROM_PX = 26, MARK_FROM_PX = 110;
const LISTED_MAX = 500;
const GROUPS_MAX = 7;

const byId = (id) => document.getElementById(id);
const graph = byId("graph"), boxes = byId("boxes"), tip = byId("tip"), search = byId("search");

// ---- numbers and names as text

function amount(value) {
  const size = Math.abs(value), sign = value < 0 ? "−" : "";
  const steps = UNIT === "bytes"
    ? [[1073741824, "GiB"], [1048576, "MiB"], [1024, "KiB"], [1, "B"]]
    : [[1e6, "s"], [1e3, "ms"], [1, "µs"]];
  const [step, name] = steps.find(([least]) => size >= least) || steps[steps.length - 1];
  const shown = size / step;
  return `${sign}${shown.toFixed(shown < 10 && step > 1 ? 2 : shown < 100 && step > 1 ? 1 : 0)} ${name}`;
}

function percent(part, whole) {
  if (!whole) return "0%";
  const share = (100 * part) / whole;
  return `${share.toFixed(Math.abs(share) < 10 ? 2 : 1)}%`.replace("-", "−");
}

const signed = (text) => (text.startsWith("−") ? text : `+${text}`);

function split(name) {
  const at = name.indexOf(":");
  return at > 0 ? [name.slice(at + 1), name.slice(0, at)] : [name, ""];
}

function element(tag, text, attributes) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  return Object.assign(made, attributes);
}

// ---- frames: those of both profiles together; of two, the same name is the same function

const frames = [], places = new Map();
const framesOf = DATA.profiles.map((profile) => profile.frames.map((frame) => {
  const key = IS_DIFF ? frame[0] : JSON.stringify(frame);
  if (!places.has(key)) {
    places.set(key, frames.length);
    frames.push({ name: frame[0] || "(nameless)", file: frame[1], line: frame[2] });
  }
  return places.get(key);
}));
const factors = [1, DATA.factor];

// ---- the tree of calls, of the samples that the filters let through

// Upright, a function is above what it called. Bottom up it is the other way round: first what did
// it itself, then who called that. Recorded allocations have only their last few callers, so that
// upright they would begin anywhere.
const filters = {};
let isBottomUp = DATA.profiles[0].kind === "memory";
let root, shown, chosen, visited = [], rows = [], drawn = new Map();

function node(frame, parent) {
  return { frame, parent, depth: parent ? parent.depth + 1 : 0, calls: new Map(),
    own: [0, 0], total: [0, 0], id: 0 };
}

// Each sample that the filters let through: its profile's side, its stack of frames, its weight.
function* samples() {
  for (const [side, profile] of DATA.profiles.entries()) {
    const isIn = profile.labels.map((labels) => LABELS.every(
      (name, place) => filters[name] === undefined || labels[place] === filters[name]));
    const stack = [];
    for (const [common, rest, labels, weight] of profile.samples) {
      stack.length = common;
      for (const place of rest) stack.push(framesOf[side][place]);
      if (isIn[labels]) yield [side, stack, weight * factors[side]];
    }
  }
}

function buildTree() {
  root = node(-1, null);
  let count = 1;
  for (const [side, stack, weight] of samples()) {
    let at = root;
    at.total[side] += weight;
    for (let step = 0; step < stack.length; step++) {
      const frame = stack[isBottomUp ? stack.length - 1 - step : step];
      let next = at.calls.get(frame);
      if (!next) {
        next = node(frame, at);
        next.id = count++;
        at.calls.set(frame, next);
      }
      at = next;
      at.total[side] += weight;
    }
    at.own[side] += weight;
  }
  sortCalls(root);
  shown = root;
  chosen = root;
  visited = [];
}

function sortCalls(top) {
  const waiting = [top];
  while (waiting.length) {
    const one = waiting.pop();
    one.sorted = [...one.calls.values()].filter((call) => call.total[0] + call.total[1] > 0)
      .sort((a, b) => b.total[0] + b.total[1] - a.total[0] - a.total[1]);
    waiting.push(...one.sorted);
  }
}

// ---- colours: by package, or by what changed

const widths = { after: (one) => one.total[0], before: (one) => one.total[1],
  both: (one) => one.total[0] + one.total[1] };
let widthOf = widths.after, mostChanged = 1;

// A group is a package; one that has much of the whole area is told by its parts. What is left over
// when colours end is grey, so they go to what covers most.
const SPLIT_FROM = 0.3, SPLITS_MAX = 6;
const groups = (() => {
  const areas = frames.map(() => 1e-6);
  for (const [, stack, weight] of samples()) for (const frame of stack) areas[frame] += weight;
  const all = areas.reduce((sum, area) => sum + area, 0);
  const parts = frames.map(({ name }) => name.split(":", 1)[0].split("."));
  const isSplit = new Set();
  const groupOf = (path) => {
    let name = path[0], at = 1;
    while (isSplit.has(name) && at < path.length) name += `.${path[at++]}`;
    return name;
  };
  let sorted;
  for (let splits = 0; splits <= SPLITS_MAX; splits++) {
    const weights = new Map(), inner = new Set();
    parts.forEach((path, frame) => {
      const name = groupOf(path);
      weights.set(name, (weights.get(name) || 0) + areas[frame]);
      if (path.join(".") !== name) inner.add(name);
    });
    sorted = [...weights].sort((a, b) => b[1] - a[1]);
    const large = sorted.find(([name, weight]) => weight > SPLIT_FROM * all && inner.has(name));
    if (!large) break;
    isSplit.add(large[0]);
  }
  const names = sorted.map(([name]) => name);
  const order = new Map(names.slice(0, GROUPS_MAX).map((name, place) => [name, place]));
  return { names, colourOf: parts.map((path) => order.get(groupOf(path)) ?? GROUPS_MAX) };
})();

function paint(box, one) {
  if (one === root) {
    box.style.setProperty("--c", "var(--same)");
  } else if (IS_DIFF) {
    const change = one.total[0] - one.total[1];
    // The root of the share, since most changes are small beside the largest.
    const strength = Math.sqrt(Math.min(1, Math.abs(change) / mostChanged));
    box.classList.add("diff");
    box.style.setProperty("--c", change > 0 ? "var(--grew)" : "var(--shrank)");
    box.style.setProperty("--strength", `${Math.round(85 * strength)}%`);
  } else {
    box.style.setProperty("--c", `var(--g${groups.colourOf[one.frame]})`);
  }
}

function drawLegend() {
  const legend = byId("legend");
  if (IS_DIFF) {
    const all = Math.max(root.total[0], 1);
    legend.replaceChildren(
      element("span", `▼ less, up to ${percent(-mostChanged, all)}`), element("i", "", { className: "scale" }),
      element("span", `▲ more, up to ${signed(percent(mostChanged, all))}`), element("span", `of all after; ${DATA.by}`));
    return;
  }
  const named = groups.names.slice(0, GROUPS_MAX).map((name, place) => [name, place]);
  if (groups.names.length > GROUPS_MAX) named.push(["others", GROUPS_MAX]);
  legend.replaceChildren(...named.map(([name, place]) => {
    const entry = element("span"), swatch = element("i");
    swatch.style.background = `var(--g${place})`;
    entry.append(swatch, name);
    return entry;
  }));
}

// ---- search

let found = null, foundShare = "";

function look() {
  const text = search.value;
  found = null;
  search.classList.remove("wrong");
  if (text) {
    let pattern;
    try {
      pattern = new RegExp(text, "i");
    } catch {
      // Until it is a whole pattern, it is a text.
      pattern = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
      search.classList.add("wrong");
    }
    found = frames.map((frame) => pattern.test(frame.name) || pattern.test(frame.file));
  }
  countFound();
}

function countFound() {
  if (!found) { byId("matches").textContent = ""; return; }
  const weight = [0, 0], functions = new Set(), waiting = [[root, false]];
  while (waiting.length) {
    const [one, isBelow] = waiting.pop();
    const isFound = one !== root && found[one.frame];
    if (isFound) functions.add(one.frame);
    // A function below another one that is found is counted with it.
    if (isFound && !isBelow) { weight[0] += one.total[0]; weight[1] += one.total[1]; }
    for (const call of one.sorted) waiting.push([call, isBelow || isFound]);
  }
  const share = percent(weight[0], root.total[0]);
  const before = IS_DIFF ? `, before ${percent(weight[1], root.total[1])}` : "";
  byId("matches").textContent = functions.size
    ? `${share}${before} in ${functions.size} function${functions.size > 1 ? "s" : ""}`
    : "nothing found";
}

// ---- the graph

let isUp = false;

function draw() {
  const whole = widthOf(shown), px = graph.clientWidth || 1200;
  const above = [];
  for (let one = shown.parent; one; one = one.parent) above.unshift(one);
  rows = above.map((one) => [{ one, left: 0, width: 1, isAbove: true }]);
  if (whole > 0) place(shown, 0, 1, whole, px);
  drawn = new Map();
  const height = rows.length * ROW_PX, made = document.createDocumentFragment();
  rows.forEach((row, depth) => row.forEach((at) => {
    const box = boxOf(at, px);
    box.style.top = `${isUp ? height - (depth + 1) * ROW_PX : depth * ROW_PX}px`;
    made.append(box);
    drawn.set(at.one, box);
  }));
  boxes.style.height = `${height}px`;
  boxes.replaceChildren(made);
  if (!rows.length) boxes.append(element("p", "There are no samples here.", { id: "nothing" }));
  if (isUp) graph.scrollTop = graph.scrollHeight;
  byId("back").disabled = !visited.length;
  if (!drawn.has(chosen)) chosen = shown;
  markChosen();
}

function place(one, left, width, whole, px) {
  if (width * px < NARROWEST_PX && one !== shown) return;
  (rows[one.depth] ||= []).push({ one, left, width, isAbove: false });
  for (const call of one.sorted) {
    const part = widthOf(call) / whole;
    place(call, left, part, whole, px);
    left += part;
  }
}

function boxOf({ one, left, width, isAbove }, px) {
  const box = element("div", "", { id: `box-${one.id}` });
  box.node = one;
  box.setAttribute("role", "treeitem");
  box.setAttribute("aria-level", one.depth + 1);
  box.setAttribute("aria-label", `${nameOf(one)}: ${facts(one).join(", ")}`);
  box.style.left = `${100 * left}%`;
  box.style.width = `${100 * width}%`;
  if (isAbove) box.classList.add("above");
  if (width * px < 6) box.classList.add("thin");
  if (found && one !== root) box.classList.add(found[one.frame] ? "found" : "other");
  if (width * px >= TEXT_FROM_PX) {
    const [name, module] = one === root ? [nameOf(one), ""] : split(frames[one.frame].name);
    box.append(IS_DIFF && width * px > MARK_FROM_PX ? `${mark(one)}${name} ` : `${name} `, element("small", module));
  }
  paint(box, one);
  return box;
}

function mark(one) {
  const change = one.total[0] - one.total[1];
  if (Math.abs(change) < 0.0005 * Math.max(root.total[0], root.total[1])) return "";
  return `${change > 0 ? "▲" : "▼"}${signed(percent(change, root.total[0]))} `;
}

const nameOf = (one) => (one === root ? "all" : frames[one.frame].name);

function facts(one) {
  const [after, before] = one.total, all = root.total;
  const what = !isBottomUp || one === root ? "total" : one.parent === root ? "self" : "of it from here";
  const told = [`${what} ${amount(after)}, ${percent(after, all[0])} of all`];
  if (shown !== root && all[0]) told.push(`${percent(after, shown.total[0])} of what is shown`);
  if (!isBottomUp) {
    if (one.parent && one.parent !== root) told.push(`${percent(after, one.parent.total[0])} of its caller`);
    told.push(`self ${amount(one.own[0])}, ${percent(one.own[0], all[0])}`);
  }
  if (IS_DIFF) {
    told.push(`before ${amount(before)}`, `changed by ${signed(amount(after - before))}, `
      + (before ? signed(percent(after - before, before)) + " of itself" : "it is new"));
  }
  return told;
}

const fileOf = (one) => (one === root || !frames[one.frame].file ? ""
  : `${frames[one.frame].file}${frames[one.frame].line ? `:${frames[one.frame].line}` : ""}`);

function markChosen() {
  for (const box of boxes.querySelectorAll(".chosen")) box.classList.remove("chosen");
  const box = drawn.get(chosen);
  if (!box) { byId("detail").textContent = ""; return; }
  box.classList.add("chosen");
  graph.setAttribute("aria-activedescendant", box.id);
  const file = fileOf(chosen);
  byId("detail").replaceChildren(element("b", nameOf(chosen)),
    ` — ${facts(chosen).join(" · ")}${file ? ` · ${file}` : ""}`);
}

function choose(one) {
  if (!one || !drawn.has(one)) return;
  chosen = one;
  markChosen();
  drawn.get(one).scrollIntoView({ block: "nearest" });
}

// ---- moving about

function zoom(one) {
  if (one === shown) return;
  visited.push(shown);
  shown = chosen = one;
  draw();
}

function back() {
  if (!visited.length) return;
  const from = shown;
  shown = visited.pop();
  draw();
  choose(from);
}

function reset() {
  search.value = "";
  for (const name of LABELS) delete filters[name];
  for (const select of byId("filters").querySelectorAll("select")) select.value = "";
  rebuild();
}

function rebuild() {
  buildTree();
  mostChanged = 1;
  const waiting = [...root.sorted];
  while (IS_DIFF && waiting.length) {
    const one = waiting.pop();
    mostChanged = Math.max(mostChanged, Math.abs(one.total[0] - one.total[1]));
    waiting.push(...one.sorted);
  }
  look();
  drawAbout();
  drawLegend();
  show();
}

function show() {
  const isTable = byId("table").getAttribute("aria-pressed") === "true";
  graph.hidden = isTable;
  byId("functions").hidden = !isTable;
  if (isTable) drawTable(); else draw();
}

function beside(step) {
  const row = rows[chosen.depth] || [];
  const at = row.findIndex((one) => one.one === chosen);
  choose(row[Math.min(Math.max(at + step, 0), row.length - 1)]?.one);
}

const deeper = () => choose(chosen.sorted.find((call) => drawn.has(call)));
const toCaller = () => choose(chosen.parent);

function nextFound(step) {
  const all = rows.flat().map((at) => at.one).filter((one) => one !== root && found && found[one.frame]);
  if (!all.length) return;
  const at = all.indexOf(chosen);
  choose(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length]);
}

function lookFor(name) {
  search.value = `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
  look();
}

// ---- functions in a list

let sortBy = IS_DIFF ? 2 : 0, isAscending = false;
const COLUMNS = IS_DIFF
  ? [["Self before", (one) => one.own[1]], ["Self after", (one) => one.own[0]],
    ["Change", (one) => one.own[0] - one.own[1], true], ["Total before", (one) => one.total[1]],
    ["Total after", (one) => one.total[0]], ["Change of total", (one) => one.total[0] - one.total[1], true]]
  : [["Self", (one) => one.own[0]], ["Total", (one) => one.total[0]]];

function listed() {
  const list = new Map();
  const entryOf = (frame) => {
    if (!list.has(frame)) list.set(frame, { frame, own: [0, 0], total: [0, 0] });
    return list.get(frame);
  };
  for (const [side, stack, weight] of samples()) {
    // What calls itself is counted once.
    for (const frame of new Set(stack)) entryOf(frame).total[side] += weight;
    if (stack.length) entryOf(stack[stack.length - 1]).own[side] += weight;
  }
  const [, value, isChange] = COLUMNS[sortBy];
  const size = (one) => (isChange ? Math.abs(value(one)) : value(one));
  return [...list.values()].filter((one) => !found || found[one.frame])
    .sort((a, b) => (isAscending ? 1 : -1) * (size(a) - size(b)));
}

function drawTable() {
  const headings = COLUMNS.map(([name], place) => {
    const cell = element("th"), sorts = place === sortBy;
    cell.setAttribute("scope", "col");
    if (sorts) cell.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
    cell.append(element("button", `${name}${sorts ? (isAscending ? " ▲" : " ▼") : ""}`, { onclick: () => {
      isAscending = sorts && !isAscending;
      sortBy = place;
      drawTable();
    } }));
    return cell;
  });
  byId("functions").querySelector("tr").replaceChildren(element("th", "Function", { scope: "col" }), ...headings);
  const list = listed();
  byId("functions").querySelector("tbody").replaceChildren(...list.slice(0, LISTED_MAX).map((one) => {
    const row = element("tr"), { name, file, line } = frames[one.frame], named = element("td");
    named.append(element("button", name, { title: `${file}:${line}`, onclick: () => {
      lookFor(name);
      press("table", false);
      show();
      graph.focus();
      nextFound(1);
    } }));
    row.append(named);
    for (const [, value, isChange] of COLUMNS) {
      const cell = element("td");
      const told = (text) => element("span", isChange ? signed(text) : text);
      cell.append(told(amount(value(one))), " ", told(percent(value(one), root.total[0])));
      row.append(cell);
    }
    return row;
  }));
  byId("more").textContent = list.length > LISTED_MAX
    ? `${LISTED_MAX} of ${list.length} functions; a search shows others.` : "";
}

// ---- what is around the graph

function drawAbout() {
  const told = DATA.profiles.map((profile, side) => {
    const began = profile.began_at_s
      ? ` from ${new Date(profile.began_at_s * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC` : "";
    const total = root.total[side] / factors[side];
    const busy = profile.kind === "cpu" && profile.seconds
      ? `, ${percent(total / 1e6, profile.seconds)} of a CPU` : "";
    const name = IS_DIFF ? ["after: ", "before: "][side] : "";
    const count = profile.samples.reduce((sum, sample) => sum + sample[4], 0);
    const counted = `${count.toLocaleString("en")} ${UNIT === "bytes" ? "allocations" : "samples"}`;
    const span = profile.seconds ? `${+profile.seconds.toFixed(1)} s` : "";
    return `${name}${amount(total)}${busy}${span ? ` in ${span}` : ""}${began}; ${counted}`;
  });
  byId("about").textContent = told.join(" · ");
}

function drawNotes() {
  const notes = [...new Set(DATA.profiles.flatMap((profile) => profile.notes))];
  byId("notes").hidden = !notes.length;
  byId("notes").querySelector("summary").textContent = `What it cannot tell (${notes.length})`;
  byId("notes").querySelector("ul").replaceChildren(...notes.map((note) => element("li", note)));
}

function drawFilters() {
  LABELS.forEach((name, place) => {
    const values = new Map();
    DATA.profiles.forEach((profile) => profile.samples.forEach(([, , labels, weight]) => {
      const value = profile.labels[labels][place];
      values.set(value, (values.get(value) || 0) + weight);
    }));
    if (values.size < 2) return;
    const label = element("label", `${name} `), select = element("select");
    select.append(element("option", "all", { value: "" }));
    [...values].sort((a, b) => b[1] - a[1]).forEach(([value], at) => {
      select.append(element("option", value || "(none)", { value: `${at + 1}`, told: value }));
    });
    select.onchange = () => {
      const option = select.selectedOptions[0];
      if (option.value) filters[name] = option.told; else delete filters[name];
      rebuild();
    };
    label.append(select);
    byId("filters").append(label);
  });
}

function press(id, isOn) { byId(id).setAttribute("aria-pressed", `${isOn}`); }
function toggle(id) {
  const isOn = byId(id).getAttribute("aria-pressed") !== "true";
  press(id, isOn);
  return isOn;
}

function turnOver() { isBottomUp = toggle("over"); rebuild(); graph.focus(); }
function flip() { isUp = toggle("flip"); draw(); choose(chosen); }
function toTable() { toggle("table"); show(); if (!graph.hidden) graph.focus(); }
function turnTheme() {
  const themes = ["light dark", "dark", "light"], style = document.documentElement.style;
  style.colorScheme = themes[(themes.indexOf(style.colorScheme || themes[0]) + 1) % themes.length];
}
function toSearch() { search.focus(); search.select(); }

function showTip(event) {
  const one = event.target.closest("#boxes div")?.node;
  tip.hidden = !one;
  if (!one) return;
  const lines = [...facts(one), fileOf(one)].filter(Boolean);
  tip.replaceChildren(element("b", nameOf(one)), ...lines.map((line) => element("span", line)));
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const isLow = event.clientY + 18 + tip.offsetHeight > innerHeight;
  tip.style.left = `${Math.max(left, 4)}px`;
  tip.style.top = `${isLow ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18}px`;
}

const KEYS = {
  ArrowLeft: () => beside(-1), ArrowRight: () => beside(1),
  ArrowDown: () => (isUp ? toCaller() : deeper()), ArrowUp: () => (isUp ? deeper() : toCaller()),
  Home: () => beside(-Infinity), End: () => beside(Infinity),
  Enter: () => zoom(chosen), Escape: back, Backspace: back,
  n: () => nextFound(1), N: () => nextFound(-1), r: reset, i: flip, b: turnOver, t: toTable, d: turnTheme,
  s: () => { if (chosen !== root) { lookFor(frames[chosen.frame].name); draw(); } },
  "/": toSearch, "?": () => byId("keys").showModal(),
};
const ANYWHERE = new Set(["/", "?", "r", "i", "b", "t", "d", "Escape"]);

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (event.target === search) {
    if (event.key === "Enter" || event.key === "Escape") {
      if (event.key === "Escape") { search.value = ""; look(); show(); }
      graph.focus();
      if (event.key === "Enter") nextFound(1);
      event.preventDefault();
    }
    return;
  }
  const isInGraph = event.target === graph || event.target === document.body;
  if (event.target.tagName === "SELECT" || !KEYS[event.key]) return;
  if (!isInGraph && !ANYWHERE.has(event.key)) return;
  event.preventDefault();
  KEYS[event.key]();
}

document.addEventListener("keydown", onKey);
search.addEventListener("input", () => { look(); show(); });
boxes.addEventListener("click", (event) => {
  const one = event.target.closest("#boxes div")?.node;
  if (one) zoom(one);
  graph.focus();
});
boxes.addEventListener("mousemove", showTip);
boxes.addEventListener("mouseleave", () => { tip.hidden = true; });
byId("back").onclick = back;
byId("reset").onclick = reset;
byId("flip").onclick = flip;
byId("over").onclick = turnOver;
byId("table").onclick = toTable;
byId("theme").onclick = turnTheme;
byId("help").onclick = KEYS["?"];
byId("widths").hidden = !IS_DIFF;
byId("widths").querySelector("select").onchange = (event) => { widthOf = widths[event.target.value]; show(); };
let redraw = 0;
addEventListener("resize", () => { cancelAnimationFrame(redraw); redraw = requestAnimationFrame(show); });

press("over", isBottomUp);
drawFilters();
drawNotes();
rebuild();
graph.focus();
