// One turn explained: what was understood, proposed, mended and done, and where the time went.

import { el, svg } from "./dom.js";
import { mending } from "./mending.js";
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

/** What a doubt means to a person; of codes without one the code itself is shown. */
const WHY = {
  words: ["unknown", "unused", "fuzzy", "partial_name", "missing", "when", "one_reader", "place_or_text"],
  several: ["same_name", "shared_name", "two_values", "to_or_by", "exception", "only", "opposite"],
  nothing: ["nothing", "no_target", "no_effect", "no_verb", "no_kind", "no_length", "empty"],
  talk: ["talk", "wish", "report", "question", "question_mark"],
  option: ["option"],
  no_reader: ["no_reader"],
  cannot: ["cannot"],
};
/** The roles of words that say something to a person; the others only join them. */
const ROLES = {
  verb: ["verb", "particle"],
  name: ["name"],
  area: ["area", "floor", "place"],
  kind: ["kind", "attribute"],
  value: ["value", "unit", "direction", "amount", "state", "quantifier"],
  time: ["time"],
  condition: ["condition", "exception", "negation"],
  question: ["question"],
  unknown: ["unknown"],
};
const group = (groups, name) => Object.keys(groups).find((each) => groups[each].includes(name));

function why({ reasons = [], readers = {}, clauses = [], asked }) {
  const shown = new Set(reasons.map((code) => t(`why.${group(WHY, code) ?? "unclear"}`, { code })));
  const instant = !reasons.length && !asked.length && clauses.length > 0 && clauses.every(({ certain }) => certain);
  const names = readers.readers ?? [];
  return [
    ...(instant ? [t("turn.instant")] : shown),
    names.length > 0 && t("turn.readers", { names: names.join(", ") }),
    readers.agreed === false && t("turn.disagreed"),
  ].filter(Boolean);
}

function clause({ words = [], candidates = [] }) {
  const acted = words.some(({ used }) => used);
  const chips = words.map(({ text, role, used }) => {
    const known = group(ROLES, role);
    // What a plan leaves out is worth telling; where there is no plan, everything is left out.
    const note = known && (acted && !used && known !== "unknown" ? t("word.unused") : t(`word.${known}`));
    return el("li", { className: known === "unknown" ? "wrong" : "" }, text, note && el("small", {}, ` ${note}`));
  });
  const found = candidates.slice(0, 3).map(({ phrase, score, entity_ids: ids }) => [phrase, share(score), ids.join(", ")].filter(Boolean).join(" · "));
  return [el("ul", { className: "chips" }, chips), found.length > 0 && list(found)];
}

/** Return in one line what became of a turn. */
export function became({ verdict: { code, params }, outcome }) {
  const names = (params.names ?? []).join(", ");
  if (code === "done" && params.changed) {
    return t("became.done", { names: params.changed.map(({ name, before, after }) => `${name}: ${before} → ${after}`).join(", ") });
  }
  if (code === "asked" && !names) return t("became.asked_back");
  if (code === "value" || code === "unknown_action") return t(`reason.${code}`);
  if (code === "no_match" && !params.words) return t("reason.not_found");
  if (code === "range" && params.low === undefined) return t("reason.range");
  if (["done", "failed", "cannot", "no_change"].includes(code) && !names) {
    return code === "cannot" ? t("reason.cannot") : t(`outcome.${outcome}`);
  }
  return t(`became.${code}`, { ...params, names, percent: params.percent && share(params.percent / 100) });
}

function call(asked) {
  const reused = asked.reused === null ? "" : ` ${t("turn.reused", { share: share(asked.reused) })}`;
  const counts = t("turn.counts", {
    prompt: number(asked.prompt_tokens, 0),
    completion: number(asked.completion_tokens, 0),
    read: took(asked.prompt),
    wrote: took(asked.decode),
  });
  const calls = asked.calls.map(({ name, arguments: values }) => `${name} (${details(values ?? {})})`).join("\n");
  // The counts come with the end of an answer: one that was cut off has none.
  const cut = t("turn.cut_off", { n: number(asked.answer.length / 4, 0) });
  return el(
    "div",
    { className: "asked" },
    el("p", {}, asked.prompt_tokens || asked.completion_tokens ? counts + reused : cut),
    el("h3", {}, t("turn.message")),
    el("pre", { tabIndex: 0 }, asked.message),
    asked.thought && [el("h3", {}, t("turn.thought")), el("pre", { tabIndex: 0 }, asked.thought)],
    el("h3", {}, t("turn.answer")),
    el("pre", { tabIndex: 0 }, [asked.answer, calls].filter(Boolean).join("\n") || t("turn.nothing")),
  );
}

function proposal({ proposed, verdict, mended, reason, candidates, action }) {
  const lines = [proposed && el("p", {}, `${proposed.name} (${details(proposed.arguments)})`)];
  lines.push(el("p", {}, el("strong", {}, t(`verdict.${verdict}`)), ...mended.map((change) => ` · ${change}`)));
  if (reason && verdict === "refused") lines.push(el("p", {}, t(`reason.${reason}`)));
  if (candidates.length) lines.push(el("p", {}, t("turn.candidates", { names: candidates.join(", ") })));
  if (action && verdict === "mended") lines.push(el("p", {}, `→ ${action.name} (${details(action.arguments)})`));
  return lines.filter(Boolean);
}

/** Return the explanation of a turn as the history has it; `anew` shows it once more. */
export function explained(turn, anew) {
  const where = [turn.area, turn.user, t(`source.${turn.source}`)].filter(Boolean).join(", ");
  const clauses = (turn.clauses ?? []).filter(({ words }) => words?.length);
  const reasons = why(turn);
  const [line, outcome] = [became(turn), t(`outcome.${turn.outcome}`)];
  return el(
    "div",
    { className: "explained" },
    el(
      "section",
      { className: "whole" },
      el("p", { className: "lead" }, line, line !== outcome && [" ", el("span", { className: `badge ${turn.outcome}` }, outcome)]),
      turn.error && el("p", { className: "wrong" }, turn.error.message),
      mending(turn, anew),
    ),
    section(
      t("turn.said"),
      el("p", {}, `“${turn.text}”`),
      el("p", { className: "faint" }, [when(turn.began), where, turn.agent_name || turn.agent, turn.model].filter(Boolean).join(" · ")),
    ),
    section(t("turn.reply"), el("p", {}, turn.reply || t("turn.nothing"))),
    reasons.length > 0 && section(t("turn.why"), list(reasons)),
    clauses.length > 0 &&
      section(
        t("turn.understood"),
        clauses.map(clause),
        turn.phrases?.length > 0 && el("details", {}, el("summary", {}, counted("turn.phrases", turn.phrases.length)), list(turn.phrases)),
      ),
    section(
      turn.asked.length ? t("turn.asked", { mode: t(`mode.${turn.mode}`) }) : t("turn.not_asked"),
      turn.asked.length ? turn.asked.map(call) : el("p", {}, t("turn.no_model")),
    ),
    turn.proposals.length > 0 && section(t("turn.proposed"), list(turn.proposals.map(proposal))),
    turn.actions.length > 0 &&
      section(
        t("turn.done"),
        list(turn.actions.map((action) => `${action.name} (${details(action.arguments)}) ${effect(action)}`)),
      ),
    section(
      t("turn.time", { total: took(turn.timings.total ?? 0), first: took(turn.timings.first_word ?? 0) }),
      timeline(turn.timings),
    ),
  );
}
