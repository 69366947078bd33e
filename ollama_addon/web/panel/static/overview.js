// Is it well, and if not, what is wrong and the one button that helps.

import { ask, during } from "./ask.js";
import { el, fill, find } from "./dom.js";
import { bytes, took, when, where } from "./format.js";
import { Guide } from "./guide.js";
import { listen } from "./live.js";
import { counted, t } from "./texts.js";

const known = { status: null, models: [], details: {}, home: null, servers: [], journal: null, agents: [], companion: null };
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
  const { state, message } = part;
  const shown = buttons.filter(Boolean);
  return el(
    "section",
    { className: "card", data: { state } },
    el("h2", {}, el("span", { className: "dot", "aria-hidden": "true" }), `${title} `, el("span", { className: "state" }, t(`state.${state}`))),
    el("p", {}, message),
    lines.filter(Boolean).map((line) => el("p", { className: "faint" }, line)),
    shown.length > 0 && el("p", { className: "actions" }, shown),
  );
}

/** What is well is said in the panel's language, what is not in the sidecar's own words. */
const worded = (part, words) => (part.state === "ok" && words ? { ...part, message: words } : part);

const restart = () => act(t("overview.restart"), () => ask("api/restart", "POST"));

function engine({ engine }) {
  const lines = known.servers.map(({ url, bundled, state, latency }) => {
    const name = bundled ? t("server.bundled") : url;
    return `${name}: ${state === "ok" ? took(latency ?? 0) : t("state.down")}`;
  });
  return card(worded(engine, t("overview.engine.ok")), t("overview.engine"), lines, engine.state === "down" && restart(), engine.state !== "ok" && link(t("nav.log"), "log"));
}

function models({ models: part }) {
  const failed = known.models.filter((model) => model.wanted && !model.present && !model.active);
  const loaded = known.models.filter((model) => model.loaded);
  const lines = loaded.map(({ name, memory }) => {
    const place = where(known.details[name]?.gpu_share);
    return t(place ? "overview.loaded" : "overview.loaded.somewhere", { name, memory: memory ? bytes(memory) : "?", where: place });
  });
  if (!lines.length) lines.push(t("overview.unloaded"));
  const again = () => Promise.all(failed.map(({ name }) => ask("api/models/pull", "POST", { name })));
  return card(
    worded(part, t("overview.models.ok")),
    t("overview.models"),
    lines,
    failed.length > 0 && act(t("overview.pull"), again),
    link(t("nav.models"), "models"),
  );
}

function home({ home: part }) {
  const { home } = known;
  const lines = [home?.last_change && t("overview.changed", { when: when(home.last_change) })];
  const counts = home && `${counted("areas", home.areas.length)}, ${counted("entities", home.entities)}`;
  const expose = part.state === "degraded" && link(t("overview.expose"), "/config/voice-assistants/expose", true);
  return card(worded(part, counts), t("overview.home"), lines, expose, part.state === "down" && link(t("nav.log"), "log"));
}

function agents({ agents: part }) {
  const { companion } = known;
  const there = companion && (companion.runs ? t("ha.there") : companion.restart_needed ? t("ha.restart") : t("ha.add"));
  const step = companion && !companion.runs && (companion.restart_needed ? link(t("ha.restart.do"), "/config/system", true) : link(t("ha.add.do"), "/config/integrations/dashboard", true));
  return card(
    worded(part, t("overview.agents.ok")),
    t("overview.agents"),
    [...known.agents.map(({ name, model }) => `${name}: ${model}`), there],
    step,
    link(t("nav.agents"), "agents"),
  );
}

function rest({ disk, journal, background, problems }) {
  const days = known.journal?.days;
  const keeping = known.journal && (days ? counted("happened.keeping", days) : t("happened.off"));
  const full = disk.state !== "ok" && link(t("nav.models"), "models");
  return [
    card(disk, t("overview.disk"), [], full),
    card(worded(journal, keeping), t("overview.journal"), [], link(t("nav.happened"), "happened")),
    background.state !== "ok" && card(background, t("overview.background"), [], link(t("nav.log"), "log")),
    problems.length > 0 && card({ state: "degraded", message: problems.join(" ") }, t("overview.options"), [], link(t("nav.agents"), "agents")),
  ];
}

function show() {
  const { status } = known;
  if (!status) return;
  const wrong = ["engine", "models", "home", "agents", "disk", "journal", "background"].filter((part) => status[part].state !== "ok");
  const count = wrong.length + (status.problems.length ? 1 : 0);
  const words = count ? counted("overview.wrong", count) : t("overview.well");
  if (summary.textContent !== words) summary.textContent = words;
  fill(find("cards"), [engine(status), models(status), home(status), agents(status), ...rest(status)].filter(Boolean));
  guide.show();
}

/** Fetch what no event tells. */
async function look() {
  const asked = { models: "api/models", details: "api/models/details", home: "api/home", servers: "api/servers", journal: "api/history?limit=1", companion: "api/home-assistant/companion" };
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
    turn: () => guide.said(),
  },
  () => {
    guide.pulls.clear();
    look();
  },
);
