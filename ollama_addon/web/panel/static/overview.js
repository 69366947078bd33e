// Is it well, and if not, what is wrong and the one button that helps.

import { ask, during } from "./ask.js";
import { el, fill, find } from "./dom.js";
import { bytes, took, where } from "./format.js";
import { Guide } from "./guide.js";
import { listen } from "./live.js";
import { showPlanned } from "./planned.js";
import { worded, wrong } from "./status.js";
import { counted, t } from "./texts.js";

const known = { status: null, models: [], details: {}, servers: [], agents: [] };
const summary = find("summary");
const guide = new Guide(known);

/** A button that does something, and says in its own card what went wrong. */
function act(words, work) {
  const button = el("button", { type: "button" }, words);
  button.addEventListener("click", () => during(button, summary, work));
  return button;
}

const link = (words, href, top = false) => el("a", { className: "button plain", href, target: top && "_top" }, words);

function card(part, title, lines, ...buttons) {
  const shown = buttons.filter(Boolean);
  return el(
    "section",
    { className: "card", data: { state: part.state } },
    el("h2", {}, el("span", { className: "dot", "aria-hidden": "true" }), `${title} `, el("span", { className: "state" }, t(`state.${part.state}`))),
    el("p", {}, worded(part)),
    lines.filter(Boolean).map((line) => el("p", { className: "faint" }, line)),
    shown.length > 0 && el("p", { className: "actions" }, shown),
  );
}

const restart = () => act(t("overview.restart"), () => ask("api/restart", "POST"));
const log = (part) => wrong(part) && link(t("nav.log"), "log");

function engine({ engine: part }) {
  const lines = known.servers.map(({ url, bundled, state, latency }) => {
    const name = bundled ? t("server.bundled") : url;
    return `${name}: ${state === "ok" ? took(latency ?? 0) : t("state.down")}`;
  });
  return card(part, t("overview.engine"), lines, part.state === "down" && restart(), log(part));
}

function models({ models: part }) {
  const lines = known.models
    .filter(({ loaded }) => loaded)
    .map(({ name, memory }) => {
      const place = where(known.details[name]?.gpu_share);
      return t(place ? "overview.loaded" : "overview.loaded.somewhere", { name, memory: memory ? bytes(memory) : "?", where: place });
    });
  const absent = ["missing", "download_failed"].includes(part.code) && part.params.models;
  const again = () => Promise.all(absent.map((name) => ask("api/models/pull", "POST", { name })));
  const other = part.code === "too_large" && link(t("fix.choose_model"), "agents");
  return card(part, t("overview.models"), lines, absent && act(t("overview.pull"), again), other, link(t("nav.models"), "models"));
}

function home({ home: part }) {
  const expose = part.code === "nothing_exposed" && link(t("overview.expose"), "/config/voice-assistants/expose", true);
  return card(part, t("overview.home"), [], expose, part.code !== "nothing_exposed" && log(part));
}

function agents({ agents: part, agent_states: states }) {
  // One agent is told of by the part itself.
  const lines = states.length > 1 || part.state !== "ok" ? states.map((each) => `${each.name}: ${worded(each)}`) : known.agents.map(({ name, model }) => `${name}: ${model}`);
  return card(part, t("overview.agents"), lines, link(t(part.code === "no_agent" ? "agents.create" : "nav.agents"), "agents"));
}

function companion({ companion: part }) {
  const add = ["not_added", "some_missing"].includes(part.code) && part.params.companion !== "off";
  const step =
    (part.code === "restart_needed" && link(t("ha.restart.do"), "/config/system", true)) ||
    (add && link(t("ha.add.do"), "/config/integrations/dashboard", true));
  return card(part, "Home Assistant", [], step);
}

const assistants = ({ assistants: part }) => card(part, t("ha.pipelines"), [], link(t("guide.assist"), "agents#home-assistant"));

function history({ journal: part }) {
  const { code, params } = part;
  const message = code === "kept" ? counted("happened.keeping", params.days) : code === "off" ? t("happened.off") : part.message;
  return card({ ...part, message }, t("overview.journal"), [], link(t("nav.happened"), "happened"));
}

function rest({ disk, background, problems }) {
  return [
    card(disk, t("overview.disk"), [], wrong(disk) && link(t("nav.models"), "models")),
    background.state !== "ok" && card(background, t("overview.background"), [], link(t("nav.log"), "log")),
    problems.length > 0 && card({ state: "attention", code: "", params: {}, message: problems.join(" ") }, t("overview.options"), [], link(t("nav.agents"), "agents")),
  ];
}

const PARTS = ["engine", "models", "home", "agents", "companion", "assistants", "disk", "journal", "background"];

/** Say in one line how all is: problems first, then what is under way, then what is not known. */
function summed(status) {
  // What a missing model means for its agents is no second problem, and neither is what follows
  // from Home Assistant being away.
  const parts = PARTS.filter((name) => name !== "agents" || status.agents.code !== status.models.code).map((name) => status[name]);
  const count = parts.filter(wrong).length + (status.problems.length ? 1 : 0);
  if (count) return counted("overview.wrong", count);
  const busy = parts.find(({ state }) => state === "working");
  if (busy) return t("overview.working", { what: worded(busy) });
  const open = parts.find(({ state }) => state === "unknown");
  return open ? t("overview.unknown", { what: worded(open) }) : t("overview.well");
}

function show() {
  const { status } = known;
  if (!status) return;
  const words = summed(status);
  if (summary.textContent !== words) summary.textContent = words;
  const shown = [engine, models, home, agents, companion, assistants, history].map((make) => make(status));
  fill(find("cards"), [...shown, ...rest(status)].filter(Boolean));
  guide.show();
}

/** Fetch what no event tells. */
async function look() {
  const asked = { models: "api/models", details: "api/models/details", servers: "api/servers" };
  await Promise.all(
    Object.entries(asked).map(async ([name, path]) => {
      known[name] = await ask(path).catch(() => known[name]);
    }),
  );
  show();
}

listen(
  {
    status: (status) => {
      known.status = status;
      show();
      look();
    },
    agents: (agents) => {
      known.agents = agents;
      show();
    },
    pull: (pull) => guide.pull(pull),
    turn: () => {
      guide.said();
      showPlanned().catch(() => {});
    },
  },
  () => {
    guide.pulls.clear();
    look();
    showPlanned().catch((problem) => (summary.textContent = problem.message));
  },
);
