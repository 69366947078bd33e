// Time to the first word and outcomes over time, as plots.

import { el, svg } from "./dom.js";
import { took, when } from "./format.js";
import { counted, t } from "./texts.js";

const WIDTH = 320;
const HEIGHT = 110;
const LEFT = 40;
const BOTTOM = 18;
const BARS = 12;
const GOOD = ["done", "answered"];

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function figure(title, caption, ...marks) {
  const text = svg("title");
  text.textContent = `${title}. ${caption}`;
  return el(
    "figure",
    { className: "card plot" },
    el("figcaption", {}, el("strong", {}, title), el("span", { className: "faint" }, ` ${caption}`)),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${caption}` }, text, ...marks),
  );
}

function label(x, y, words, anchor = "start") {
  const text = svg("text", { x, y, "text-anchor": anchor });
  text.textContent = words;
  return text;
}

function axes(turns, top) {
  const base = HEIGHT - BOTTOM;
  return [
    svg("line", { x1: LEFT, y1: base, x2: WIDTH, y2: base, class: "axis" }),
    svg("line", { x1: LEFT, y1: 8, x2: WIDTH, y2: 8, class: "grid-line" }),
    label(LEFT - 4, 12, top, "end"),
    label(LEFT - 4, base, "0", "end"),
    label(LEFT, HEIGHT - 4, when(turns[0].began)),
    label(WIDTH, HEIGHT - 4, when(turns.at(-1).began), "end"),
  ];
}

function firstWords(turns) {
  const measured = turns.filter(({ first_word }) => first_word !== null);
  if (!measured.length) return null;
  const times = measured.map(({ first_word }) => first_word);
  // A cold start now and then must not flatten all the rest.
  const top = Math.max(1, Math.min(Math.max(...times), median(times) * 6));
  const base = HEIGHT - BOTTOM;
  const step = (WIDTH - LEFT - 8) / Math.max(1, measured.length - 1);
  const points = measured.map(({ first_word, outcome }, at) =>
    svg("circle", {
      cx: LEFT + 4 + at * step,
      cy: base - (Math.min(first_word, top) / top) * (base - 8),
      r: 2.5,
      class: GOOD.includes(outcome) ? "good" : "bad",
    }),
  );
  const caption = t("plots.median", { time: took(median(times)), turns: counted("turns", measured.length) });
  return figure(t("plots.first_word"), caption, ...axes(measured, took(top)), ...points);
}

function outcomes(turns) {
  const width = Math.max(1, Math.ceil(turns.length / BARS));
  const groups = [];
  for (let at = 0; at < turns.length; at += width) groups.push(turns.slice(at, at + width));
  const top = Math.max(...groups.map((group) => group.length));
  const base = HEIGHT - BOTTOM;
  const room = (WIDTH - LEFT) / Math.max(BARS / 2, groups.length);
  const bars = groups.flatMap((group, at) => {
    const good = group.filter(({ outcome }) => GOOD.includes(outcome)).length;
    const scale = (base - 8) / top;
    const bar = (from, count, name) =>
      svg("rect", {
        x: LEFT + at * room + 2,
        y: base - (from + count) * scale,
        width: Math.max(1, room - 4),
        height: count * scale,
        class: name,
      });
    return [bar(0, good, "good"), bar(good, group.length - good, "bad")];
  });
  const well = turns.filter(({ outcome }) => GOOD.includes(outcome)).length;
  const caption = t("plots.well", { well: well, turns: counted("turns", turns.length) });
  return figure(t("plots.outcome"), caption, ...axes(turns, String(top)), ...bars);
}

/** Return the plots of turns as `api/history/series` has them, none when there is too little. */
export function plots(all) {
  // Talk asks for nothing that could be done well or badly.
  const turns = all.filter(({ outcome }) => outcome !== "talked");
  return turns.length < 2 ? [] : [firstWords(turns), outcomes(turns)].filter(Boolean);
}
