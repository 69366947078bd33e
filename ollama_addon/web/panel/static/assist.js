// What can be done in Home Assistant with one click: its agents, its pipelines, its own integration.

import { ask as request, during } from "./ask.js";
import { sure } from "./dialog.js";
import { el, find } from "./dom.js";
import { worded } from "./status.js";
import { t } from "./texts.js";

const ask = (path, method, body) => request(`api/home-assistant/${path}`, method, body);
let agents = [];

/** Show whether the agents are in Home Assistant, as the status says. */
export function showCompanion({ companion }) {
  find("companion").textContent = worded(companion);
}

function showOwn({ state, message }) {
  find("own-state").textContent = message;
  find("own-use").textContent = state === "partly" ? t("ha.own.update") : t("ha.own.use");
  find("own-use").hidden = state === "on";
  find("own-undo").hidden = state === "off";
}

function row(pipeline) {
  const label = pipeline.preferred ? t("ha.preferred", { name: pipeline.name }) : pipeline.name;
  const choice = el("select", { "aria-label": t("ha.agent_of", { name: pipeline.name }) });
  if (!pipeline.agent_id) choice.add(new Option(t("ha.another"), "", true, true));
  for (const { id, name } of agents) choice.add(new Option(name, id, false, id === pipeline.agent_id));
  const told = el("span", { role: "status" });
  const button = el("button", { type: "button", className: "plain", "aria-label": `${t("ha.use")}: ${pipeline.name}` }, t("ha.use"));
  button.addEventListener("click", () =>
    during(button, told, async () => {
      if (!choice.value) throw new Error(t("ha.choose"));
      await ask("pipelines", "POST", { pipeline_id: pipeline.id, agent_id: choice.value });
      told.textContent = t("ha.done");
    }),
  );
  return el("li", { className: "fields" }, el("span", { className: "wide" }, label), choice, button, told);
}

async function showPipelines() {
  const pipelines = await ask("pipelines");
  find("pipelines").replaceChildren(...pipelines.map(row));
  find("pipelines-said").textContent = "";
}

/** Show how things are in Home Assistant for these agents. */
export async function showAssist(ours) {
  agents = ours;
  for (const [show, place] of [
    [showPipelines, "pipelines-said"],
    [async () => showOwn(await ask("own-integration")), "own-state"],
    [showSwitches, "app-said"],
  ]) {
    await show().catch((problem) => (find(place).textContent = problem.message));
  }
}

for (const [id, method] of [["own-use", "POST"], ["own-undo", "DELETE"]]) {
  find(id).addEventListener("click", () =>
    during(find(id), find("own-state"), async () => showOwn(await ask("own-integration", method))),
  );
}

/** Show what the Supervisor does for the app, where there is one. */
async function showSwitches() {
  const { available, sidebar, watchdog } = await request("api/supervisor");
  find("app-switches").hidden = !available;
  find("in-sidebar").checked = Boolean(sidebar);
  find("watchdog").checked = Boolean(watchdog);
}

for (const [id, path] of [["in-sidebar", "sidebar"], ["watchdog", "watchdog"]]) {
  const box = find(id);
  box.addEventListener("change", () =>
    during(box, find("app-said"), async () => {
      const on = box.checked;
      // What is not done is not shown as done.
      box.checked = !on;
      await request(`api/supervisor/${path}`, "POST", { on });
      box.checked = on;
    }),
  );
}

find("remove").addEventListener("click", async () => {
  if (!(await sure(t("ha.remove.sure"), find("remove").textContent))) return;
  await during(find("remove"), find("remove-said"), async () => {
    const { files } = await ask("companion", "DELETE");
    find("remove-said").textContent = files ? t("ha.remove.done") : t("ha.done");
  });
});

function showAccess({ port, token, gateway_port, gateway_key }) {
  const rows = { "ha.port": port, "ha.token": token, "ha.gateway_port": gateway_port, "ha.gateway_key": gateway_key };
  find("access").replaceChildren(
    ...Object.entries(rows).flatMap(([name, value]) => [el("dt", {}, t(name)), el("dd", {}, String(value))]),
  );
  find("access").hidden = false;
}

find("access-show").addEventListener("click", () =>
  during(find("access-show"), find("access-said"), async () => showAccess(await ask("access"))),
);
for (const [id, path, question, done] of [
  ["token-new", "access/token", "ha.token.new.sure", "ha.token.new.done"],
  ["key-new", "access/gateway-key", "ha.key.new.sure", "ha.key.new.done"],
]) {
  const button = find(id);
  button.addEventListener("click", async () => {
    if (!(await sure(t(question), button.textContent))) return;
    await during(button, find("access-said"), async () => {
      showAccess(await ask(path, "POST"));
      find("access-said").textContent = t(done);
    });
  });
}
