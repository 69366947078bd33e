// One turn explained: what was understood, proposed, mended and done, and where the time went.

import { el, svg } from "./dom.js";
import { details, effect, number, share, took, when } from "./format.js";
import { counted, t } from "./texts.js";

const PARTS = ["waiting", "load", "prompt", "decode", "home", "own"];

/** Return how many milliseconds each part of a turn took. */
export function parts({ engine = 0, load = 0, prompt = 0, decode = 0, home = 0, own = 0 }) {
  return { waiting: Math.max(0, engine - load - prompt - decode), load, prompt, decode, home, own };
}

function timeline(timings) {
  const each = parts(timings);
  const total = PARTS.reduce((sum, name) => sum + each[name], 0) || 1;
  const shown = PARTS.filter((name) => each[name] >= 0.5);
  let x = 0;
  const bars = shown.map((name) => {
    const width = (each[name] / total) * 100;
    const bar = svg("rect", { x, y: 0, width, height: 10, class: `part-${name}` });
    x += width;
    return bar;
  });
  return el(
    "figure",
    { className: "timeline" },
    svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars),
    el(
      "figcaption",
      {},
      el(
        "ul",
        { className: "legend" },
        shown.map((name) => el("li", { className: `part-${name}` }, `${t(`part.${name}`)} ${took(each[name])}`)),
      ),
    ),
  );
}

const section = (title, ...content) => el("section", {}, el("h2", {}, title), content);
const list = (rows) => el("ul", { className: "plain-list" }, rows.map((row) => el("li", {}, row)));

function call(asked) {
  const reused = asked.reused === null ? "" : ` ${t("turn.reused", { share: share(asked.reused) })}`;
  const counts = t("turn.counts", {
    prompt: number(asked.prompt_tokens, 0),
    completion: number(asked.completion_tokens, 0),
    read: took(asked.prompt),
    wrote: took(asked.decode),
  });
  const calls = asked.calls.map(({ name, arguments: values }) => `${name} (${details(values ?? {})})`).join("\n");
  return el(
    "div",
    { className: "asked" },
    el("p", {}, counts + reused),
    el("h3", {}, t("turn.message")),
    el("pre", { tabIndex: 0 }, asked.message),
    asked.thought && [el("h3", {}, t("turn.thought")), el("pre", { tabIndex: 0 }, asked.thought)],
    el("h3", {}, t("turn.answer")),
    el("pre", { tabIndex: 0 }, [asked.answer, calls].filter(Boolean).join("\n") || t("turn.nothing")),
  );
}

function proposal({ proposed, verdict, mended, reason, candidates, action }) {
  const lines = [el("p", {}, `${proposed.name} (${details(proposed.arguments)})`)];
  lines.push(el("p", {}, el("strong", {}, t(`verdict.${verdict}`)), ...mended.map((change) => ` · ${change}`)));
  if (reason) lines.push(el("p", {}, t(`reason.${reason}`)));
  if (candidates.length) lines.push(el("p", {}, t("turn.candidates", { names: candidates.join(", ") })));
  if (action && verdict === "mended") lines.push(el("p", {}, `→ ${action.name} (${details(action.arguments)})`));
  return lines;
}

/** Return the explanation of a turn as the journal has it. */
export function explained(turn) {
  const where = [turn.area, turn.user, t(`source.${turn.source}`)].filter(Boolean).join(", ");
  const asked = turn.asked.map(call);
  return el(
    "div",
    { className: "explained" },
    section(
      t("turn.said"),
      el("p", {}, `“${turn.text}”`),
      el("p", { className: "faint" }, `${when(turn.began)} · ${where} · ${turn.agent} · ${turn.model}`),
    ),
    turn.shortlist.length > 0 &&
      section(
        t("turn.shortlist"),
        el("p", { className: "faint" }, t("turn.shortlist.hint")),
        el(
          "ul",
          { className: "chips" },
          turn.shortlist.slice(0, 24).map(({ name, score }) => el("li", {}, `${name} `, el("small", {}, number(score, 2)))),
        ),
        turn.phrases.length > 0 && el("details", {}, el("summary", {}, counted("turn.phrases", turn.phrases.length)), list(turn.phrases)),
      ),
    section(
      turn.mode ? t("turn.asked", { mode: t(`mode.${turn.mode}`) }) : t("turn.not_asked"),
      asked.length ? asked : el("p", {}, t("turn.no_model")),
    ),
    turn.proposals.length > 0 && section(t("turn.proposed"), list(turn.proposals.map(proposal))),
    turn.actions.length > 0 &&
      section(
        t("turn.done"),
        list(turn.actions.map((action) => `${action.name} (${details(action.arguments)}) ${effect(action)}`)),
      ),
    section(
      t("turn.reply"),
      el("p", {}, turn.reply || t("turn.nothing")),
      el("p", {}, el("span", { className: `badge ${turn.outcome}` }, t(`outcome.${turn.outcome}`))),
      turn.error && el("p", { className: "wrong" }, turn.error.message),
    ),
    section(
      t("turn.time", { total: took(turn.timings.total ?? 0), first: took(turn.timings.first_word ?? 0) }),
      timeline(turn.timings),
    ),
  );
}
