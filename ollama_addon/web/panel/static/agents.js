// The agents: created, edited, copied, deleted and tried, by writing the app's options.

import { AgentForm } from "./agent_form.js";
import { ask, during } from "./ask.js";
import { showAssist, showCompanion } from "./assist.js";
import { sure } from "./dialog.js";
import { el, find } from "./dom.js";
import { number } from "./format.js";
import { listen } from "./live.js";
import * as options from "./options.js";
import { worded } from "./status.js";
import { Talk } from "./talk.js";
import { counted, t } from "./texts.js";

const said = find("said");
const form = new AgentForm(find("form"), "ollama-agent");
let running = [];
let states = [];
let kept = null;
let place = null;
/** Which of the options' agents is being edited: its place, which may be one past the last. */
let edited = "";
/** The name of the agent that is being edited, as it is kept; empty for a new one. */
let original = {};
/** The agent that is being edited, as it is kept. */
let tried = "";

const conversation = new Talk({ list: find("try-talk"), form: find("try-form"), agent: () => tried });

function act(words, name, work, kind = "plain") {
  const button = el("button", { type: "button", className: kind, "aria-label": `${words}: ${name}` }, words);
  button.addEventListener("click", () => during(button, said, work));
  return button;
}

function card(agent, at) {
  const { name, model } = agent;
  return el(
    "li",
    { className: "card" },
    el("h2", {}, name),
    el("p", { className: "faint" }, `${model}${agent.control_home === false ? ` · ${t("agents.talks_only")}` : ""}`),
    el("p", { className: "faint", data: { agent: name } }, stateOf(name)),
    agent.instructions && el("p", { className: "clip" }, agent.instructions),
    el(
      "p",
      { className: "actions" },
      act(t("agents.edit"), name, () => edit(at, agent), ""),
      act(t("agents.copy"), name, () => edit(kept.agents.length, { ...agent, name: t("agents.copy.name", { name }) })),
      act(t("delete"), name, () => remove(at, name), "plain danger"),
    ),
  );
}

/** Return how a saved agent is; empty while that is not known. */
function stateOf(name) {
  const state = states.find((each) => each.name === name);
  return state ? worded(state) : "";
}

async function show() {
  kept = await options.read();
  kept.agents ??= [];
  find("agents").replaceChildren(
    ...(kept.agents.length ? kept.agents.map(card) : [el("li", { className: "faint" }, t("agents.none"))]),
  );
}

async function edit(at, agent, before = kept.agents[at]) {
  place = at;
  // What the form has no field for stays as it is; a copy is another agent.
  original = before ?? { ...agent, id: undefined };
  form.original = before ?? null;
  const models = await ask("api/models").catch(() => []);
  const recommended = await ask("api/models/recommended").catch(() => ({ models: [] }));
  const names = [...models, ...recommended.models].map(({ name }) => name);
  const save = el("button", {}, t("save"));
  const cancel = el("button", { type: "button", className: "plain" }, t("cancel"));
  cancel.addEventListener("click", close);
  form.showAgent(agent, [...new Set(names)], [save, cancel]);
  edited = kept.agents[at]?.name ?? "";
  find("editor-title").textContent = edited ? t("agents.editing", { name: edited }) : t("agents.creating");
  find("list-view").hidden = true;
  find("editor").hidden = false;
  showTry();
  find("editor-title").focus();
}

/** Offer to try an agent that is saved and runs, and to see its prompt. */
function showTry() {
  const id = running.find(({ name }) => name === edited)?.id ?? "";
  find("tryout").hidden = !id;
  if (id === tried) return;
  tried = id;
  conversation.anew();
  find("prompt").replaceChildren();
  find("prompt-tokens").textContent = "";
}

async function close() {
  form.forget();
  place = null;
  edited = "";
  find("editor").hidden = true;
  showTry();
  find("list-view").hidden = false;
  await show().catch((problem) => (said.textContent = problem.message));
  find("create").focus();
}

async function save() {
  // The others are as they are kept now, whoever has changed them meanwhile.
  const all = await options.read();
  const agents = [...(all.agents ?? [])];
  const found = original.id ? agents.findIndex(({ id }) => id === original.id) : place;
  const at = found < 0 ? agents.length : Math.min(found, agents.length);
  const theirs = all.agents?.[at];
  const changed = original.id && Object.keys({ ...original, ...theirs }).filter((name) => JSON.stringify(theirs?.[name]) !== JSON.stringify(original[name]));
  if (changed?.length) {
    const fields = changed.map((name) => `${name}: ${JSON.stringify(theirs?.[name]) ?? "–"}`).join(", ");
    if (!(await sure(t("agents.conflict", { name: original.name, fields }), t("save")))) return undefined;
  }
  const { context_window, max_history, keep_alive, temperature, ...rest } = original;
  agents[at] = { ...rest, ...form.value() };
  const wanted = { ...all, agents };
  const problems = await options.check(wanted);
  if (problems.length) return form.complain(problems, `agents[${at}].`);
  const waiting = await options.write(wanted);
  said.textContent = t("agents.saved") + (waiting.length ? ` ${t("agents.waiting", { names: waiting.join(", ") })}` : "");
  return close();
}

async function remove(at, name) {
  if (!(await sure(t("agents.delete.sure", { name }), t("delete")))) return;
  const all = await options.read();
  await options.write({ ...all, agents: all.agents.filter((_, each) => each !== at) });
  said.textContent = t("agents.deleted", { name });
  await show();
  find("create").focus();
}

const shown = (value) => el("pre", { tabIndex: 0 }, typeof value === "string" ? value : JSON.stringify(value, null, 1));

async function showPrompt() {
  const path = `api/agents/${encodeURIComponent(tried)}/prompt`;
  const text = find("prompt-text").value.trim();
  const prompt = await ask(path, "POST", { text });
  const characters = JSON.stringify([prompt.messages, prompt.tools ?? ""]).length;
  find("prompt").replaceChildren(
    el("p", { className: "faint" }, t(`mode.${prompt.mode}`)),
    ...prompt.messages.flatMap(({ role, content }) => [el("h4", {}, t(`role.${role}`)), shown(content)]),
    ...(prompt.tools ? [el("h4", {}, t("prompt.tools")), shown(prompt.tools)] : []),
    ...(prompt.schema ? [el("h4", {}, t("prompt.schema")), shown(prompt.schema)] : []),
  );
  find("prompt-tokens").textContent = t("prompt.counting", { characters: number(characters, 0) });
  // The model counts for itself, by reading: on a slow machine that takes a while.
  const { tokens, context_window } = await ask(path, "POST", { text, count: true });
  find("prompt-tokens").textContent = counted("prompt.tokens", tokens, { window: number(context_window, 0) });
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const button = find("form").querySelector(".actions button");
  during(button, form.wrong, save);
});
find("create").addEventListener("click", () =>
  during(find("create"), said, () => edit(kept.agents.length, { name: "", model: kept.agents[0]?.model ?? "" })),
);
find("prompt-form").addEventListener("submit", (event) => {
  event.preventDefault();
  during(event.submitter ?? find("prompt-form").querySelector("button"), find("prompt-tokens"), showPrompt);
});

async function begin() {
  await show();
  const draft = form.kept();
  if (draft && place === null) {
    const at = draft.original ? kept.agents.findIndex(({ id }) => id === draft.original.id) : -1;
    await edit(at < 0 ? kept.agents.length : at, draft.agent, draft.original ?? undefined);
    said.textContent = t("agents.restored");
  }
}

listen(
  {
    status: (status) => {
      states = status.agent_states;
      showCompanion(status);
      for (const place of find("agents").querySelectorAll("[data-agent]")) place.textContent = stateOf(place.dataset.agent);
    },
    agents: (agents) => {
      running = agents;
      showAssist(agents);
      showTry();
      if (place === null) show().catch((problem) => (said.textContent = problem.message));
    },
  },
  () => begin().catch((problem) => (said.textContent = problem.message)),
);
