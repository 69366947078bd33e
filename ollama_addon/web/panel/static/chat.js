// The page to talk with any agent, as if one were anywhere in the home.

import { ask } from "./ask.js";
import { el, fill, find } from "./dom.js";
import { listen } from "./live.js";
import { Talk } from "./talk.js";
import { t } from "./texts.js";

const CHOICE = "ollama-chat-choice";
const agent = find("agent");
const place = find("place");
const hint = find("hint");

const talk = new Talk({
  list: find("talk"),
  form: find("say"),
  agent: () => agent.value,
  place: () => {
    const [kind, id] = place.value.split("=");
    return id ? { [kind]: id } : {};
  },
  key: "ollama-chat",
  onend: () => (hint.hidden = true),
});
hint.hidden = !talk.empty;
// What is to be said again comes with the address, which is not to say it twice.
const again = new URLSearchParams(location.search).get("say");
if (again) {
  talk.text.value = again;
  history.replaceState(null, "", "chat");
}

const choice = JSON.parse(sessionStorage.getItem(CHOICE) ?? "{}");
for (const select of [agent, place]) {
  select.addEventListener("change", () => {
    sessionStorage.setItem(CHOICE, JSON.stringify({ agent: agent.value, place: place.value }));
  });
}

function showAgents(agents) {
  const before = agent.value || choice.agent;
  agent.replaceChildren(...agents.map(({ id, name, model }) => el("option", { value: id }, `${name} (${model})`)));
  if (agents.some(({ id }) => id === before)) agent.value = before;
  find("say").hidden = !agents.length;
  find("no-agent").hidden = agents.length > 0;
}

async function showPlaces() {
  const { areas, satellites } = await ask("api/home");
  const before = place.value || choice.place;
  const group = (label, options) => options.length > 0 && el("optgroup", { label }, options);
  place.replaceChildren(
    el("option", { value: "" }, t("chat.nowhere")),
    ...[
      group(t("chat.areas"), areas.map(({ id, name }) => el("option", { value: `area_id=${id}` }, name))),
      group(
        t("chat.satellites"),
        satellites.map(({ id, area }) => el("option", { value: `satellite_id=${id}` }, `${id} (${area})`)),
      ),
    ].filter(Boolean),
  );
  if (before && [...place.options].some((option) => option.value === before)) place.value = before;
}

/** Offer what can be said in this home; where nothing is known to work, nothing is offered. */
async function showExamples() {
  const { examples } = await ask("api/examples?n=3").catch(() => ({ examples: [] }));
  fill(
    find("examples"),
    examples.map((words) => el("button", { type: "button", className: "plain", data: { words } }, words)),
  );
}

find("examples").addEventListener("click", ({ target }) => {
  if (!target.dataset.words) return;
  talk.text.value = target.dataset.words;
  talk.say();
});

find("anew").addEventListener("click", () => {
  talk.anew();
  hint.hidden = false;
  talk.text.focus();
});

listen({ agents: showAgents }, () => {
  showPlaces().catch(() => {});
  showExamples();
});
