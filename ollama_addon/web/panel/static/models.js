// The models: which are there, which suit this machine; pulled, updated, deleted.

import { ask, during } from "./ask.js";
import { sure } from "./dialog.js";
import { el, fill, find } from "./dom.js";
import "./engine_form.js";
import { bytes, hardware, number, parameters, range, where } from "./format.js";
import { listen } from "./live.js";
import { showProgress } from "./progress.js";
import { t } from "./texts.js";

/** What a model may be able to besides talking, which each of them is. */
const CAN = { tools: "models.tools", thinking: "models.thinking", vision: "models.vision" };
const said = find("said");
const pulls = new Map();
let models = [];
let recommended = [];
let details = {};

function act(words, name, work, kind = "plain") {
  const button = el("button", { type: "button", className: kind, "aria-label": `${words}: ${name}` }, words);
  button.addEventListener("click", () => during(button, said, work));
  return button;
}

const pull = (name) => ask("api/models/pull", "POST", { name });

async function remove({ name }) {
  if (!(await sure(t("models.delete.sure", { name }), t("delete")))) return;
  await ask(`api/models/${name}`, "DELETE");
  said.textContent = t("models.deleted", { name });
  await look();
  find("name").focus();
}

function facts(model) {
  const more = details[model.name] ?? {};
  const rows = {
    "models.size": model.size && bytes(model.size),
    "models.parameters": parameters(model.parameter_size),
    "models.quantization": model.quantization,
    "models.context": more.context_length && number(more.context_length, 0),
    "models.capabilities": more.capabilities?.filter((name) => name in CAN).map((name) => t(CAN[name])).join(", "),
    "models.memory": model.loaded ? [model.memory && bytes(model.memory), where(more.gpu_share)].filter(Boolean).join(", ") : model.present && t("models.not_loaded"),
    "models.speed": model.decode_speed && t("models.speed.value", { read: model.prompt_speed ? number(model.prompt_speed, 0) : "?", write: number(model.decode_speed, 0) }),
    "models.server": model.server,
    "models.version": model.present && t(`version.${model.update}`),
  };
  return Object.entries(rows)
    .filter(([, value]) => value)
    .flatMap(([name, value]) => [el("dt", {}, t(name)), el("dd", {}, value)]);
}

function card(model) {
  const { name, present, loaded, active, update } = model;
  const badges = [
    model.wanted && t("models.wanted"),
    loaded && t("models.loaded"),
    update === "newer" && t("version.newer"),
  ].filter(Boolean);
  const buttons = present
    ? [
        update === "newer" && act(t("models.update"), name, () => pull(name), ""),
        loaded && act(t("models.unload"), name, () => ask("api/models/unload", "POST", { name }).then(look)),
        act(t("delete"), name, () => remove(model), "plain danger"),
      ]
    : [!active && act(t("models.pull"), name, () => pull(name), "")];
  return el(
    "li",
    { className: "card", data: { name } },
    el("h3", {}, name, badges.map((words) => [" ", el("span", { className: "badge" }, words)])),
    el("dl", {}, facts(model)),
    el("div", { className: "pulling" }),
    el("p", { className: "actions" }, buttons.filter(Boolean)),
  );
}

function showPulls() {
  for (const place of find("present").querySelectorAll("li")) {
    const now = pulls.get(place.dataset.name);
    if (now && (now.active || now.state === "failed")) showProgress(place.querySelector(".pulling"), now, said);
    else place.querySelector(".pulling").replaceChildren();
  }
}

function show() {
  const listed = new Set(models.map(({ name }) => name));
  const coming = [...pulls.values()].filter(({ name, active, state }) => !listed.has(name) && (active || state === "failed"));
  const all = [...models, ...coming.map(({ name, active }) => ({ name, active, present: false }))];
  const busy = document.activeElement?.closest("[data-name]");
  const focused = busy && [busy.dataset.name, [...busy.querySelectorAll("button")].indexOf(document.activeElement)];
  const made = all.length ? all.map(card) : [el("li", { className: "faint" }, t("models.none"))];
  const before = new Map([...find("present").children].map((item) => [item.dataset.name, item]));
  find("present").replaceChildren(...made);
  // What is being downloaded keeps its bar, which moves on its own.
  for (const item of made) {
    const old = before.get(item.dataset.name)?.querySelector(".pulling");
    if (old?.firstChild) item.querySelector(".pulling").replaceWith(old);
  }
  showPulls();
  if (focused) {
    const item = [...find("present").children].find((each) => each.dataset.name === focused[0]);
    item?.querySelectorAll("button")[focused[1]]?.focus();
  }
}

function suggestion(model) {
  const { name, size, memory, fits, why, suggested } = model;
  const there = models.some((each) => each.present && each.name === name);
  const can = [model.tools && t("models.tools"), model.thinking && t("models.thinking"), model.vision && t("models.vision")];
  return el(
    "li",
    { className: "card", data: { fits } },
    el("h3", {}, name, suggested && [" ", el("span", { className: "badge good" }, t("models.suggested"))]),
    el("p", {}, why),
    el(
      "dl",
      {},
      [
        [t("models.size"), bytes(size)],
        [t("models.memory"), `${bytes(memory)} – ${t(`fits.${fits}`)}`],
        [t("models.command"), t(`basis.${model.basis}`, { range: range(model.command), model: model.basis_model })],
        [t("models.capabilities"), can.filter(Boolean).join(", ") || "–"],
        [t("models.languages"), model.languages],
        [t("models.licence"), model.licence],
      ].flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]),
    ),
    el("p", { className: "actions" }, there ? t("models.there") : act(t("models.pull"), name, () => pull(name), "")),
  );
}

async function showRecommended() {
  const answer = await ask("api/models/recommended").catch(() => null);
  if (!answer) return;
  recommended = answer.models;
  find("machine").textContent = hardware(answer.machine);
  fill(find("known"), recommended.map(({ name, size }) => el("option", { value: name }, bytes(size))));
  // What does not fit or is slow is listed by name only: at most three are recommended.
  const best = recommended.filter((model) => model.recommended);
  find("recommended").replaceChildren(...(best.length ? best.map(suggestion) : [el("li", { className: "faint whole" }, t("models.none_recommended"))]));
}

async function look() {
  [models, details] = await Promise.all([ask("api/models"), ask("api/models/details").catch(() => details)]);
  show();
}

find("pull").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = find("name");
  const wrong = find("name-wrong");
  const name = input.value.trim();
  wrong.hidden = true;
  input.removeAttribute("aria-invalid");
  try {
    if (!name) throw new Error(t("models.name.missing"));
    await pull(name);
    input.value = "";
    said.textContent = t("models.pulling", { name });
  } catch (problem) {
    wrong.textContent = problem.message;
    wrong.hidden = false;
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
});
find("check").addEventListener("click", () =>
  during(find("check"), said, async () => {
    models = await ask("api/models/check", "POST");
    show();
    const newer = models.filter(({ update }) => update === "newer").map(({ name }) => name);
    const present = models.filter((model) => model.present);
    const n = present.filter(({ update }) => update === "unknown").length;
    const found = newer.length > 0 && t("models.newer_found", { names: newer.join(", ") });
    // Whoever did not answer has not said that there is nothing newer.
    const rest = n ? t("models.unchecked", { n, all: present.length }) : !found && present.length > 0 && t("models.newest");
    said.textContent = [found, rest].filter(Boolean).join(" ");
  }),
);

listen(
  {
    pull: (now) => {
      const before = pulls.get(now.name);
      pulls.set(now.name, now);
      if (before?.active === now.active && before?.state === now.state) showPulls();
      else look().catch(() => {});
    },
    // Its sentence about the models changes with every download and deletion.
    status: () => look().then(showRecommended).catch(() => {}),
  },
  () => {
    pulls.clear();
    look().catch(() => {});
  },
);
