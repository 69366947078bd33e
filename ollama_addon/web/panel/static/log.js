// The log of the sidecar and the Ollama server, live.

import { ask } from "./ask.js";
import { el, find } from "./dom.js";
import { listen } from "./live.js";
import { counted, language, t } from "./texts.js";

const LEVELS = ["debug", "info", "warning", "error", "critical"];
const KEPT = 2000;
const lines = find("lines");
let entries = [];

const matches = ({ level, source, message }) =>
  LEVELS.indexOf(level.toLowerCase()) >= LEVELS.indexOf(find("level").value) &&
  (!find("source").value || source === find("source").value) &&
  message.toLowerCase().includes(find("search").value.trim().toLowerCase());

function line({ time, level, source, message }) {
  const date = new Date(time * 1000);
  return el(
    "li",
    { data: { level: level.toLowerCase() } },
    el("time", { dateTime: date.toISOString() }, date.toLocaleTimeString(language)),
    " ",
    el("span", { className: "level" }, t(`log.${level.toLowerCase()}`)),
    " ",
    el("span", { className: "faint" }, source),
    " ",
    el("span", { className: "message" }, message),
  );
}

function follow() {
  if (find("follow").checked) lines.scrollTop = lines.scrollHeight;
}

function know(source) {
  const select = find("source");
  if (![...select.options].some(({ value }) => value === source)) select.append(el("option", { value: source }, source));
}

function show() {
  const shown = entries.filter(matches);
  lines.replaceChildren(...shown.map(line));
  find("said").textContent = shown.length ? counted("log.lines", shown.length) : t("log.none");
  follow();
}

function add(entry) {
  entries.push(entry);
  if (entries.length > KEPT) entries.shift();
  know(entry.source);
  if (!matches(entry)) return;
  lines.append(line(entry));
  if (lines.children.length > KEPT) lines.firstChild.remove();
  follow();
}

for (const id of ["level", "source", "search", "follow"]) find(id).addEventListener("input", show);
find("filter").addEventListener("submit", (event) => event.preventDefault());

listen({ log: add }, async () => {
  try {
    entries = await ask("api/log?level=debug");
    for (const { source } of entries) know(source);
    show();
  } catch (problem) {
    find("said").textContent = problem.message;
  }
});
