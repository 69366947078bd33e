// What can be done in Home Assistant with one click: its agents, its pipelines, its own integration.

const find = (id) => document.getElementById(id);
const agents = [...find("agent").options].map(({ value, text }) => ({ id: value, name: text }));

/** Ask the sidecar; throws what it says is wrong. */
async function ask(path, method = "GET", body = undefined) {
  const response = await fetch(`api/home-assistant/${path}`, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Error(answer?.error?.message ?? `The add-on answered with status ${response.status}.`);
  }
  return answer;
}

/** Do something while a button waits; what goes wrong is said in `place`. */
async function during(button, place, work) {
  button.disabled = true;
  try {
    await work();
  } catch (problem) {
    place.textContent = problem.message;
  } finally {
    button.disabled = false;
  }
}

async function showCompanion() {
  const { message, runs, restart_needed } = await ask("companion");
  find("companion").textContent = runs
    ? "The agents are in Home Assistant."
    : restart_needed
      ? `${message} Restart Home Assistant, then press “Add” on the discovered card under Settings, Devices & services.`
      : `${message} Press “Add” on the discovered card under Settings, Devices & services.`;
}

function showOwn({ state, message }) {
  find("own-state").textContent = message;
  find("own-use").textContent = state === "partly" ? "Bring up to date" : "Use this add-on";
  find("own-use").hidden = state === "on";
  find("own-undo").hidden = state === "off";
}

function pipelineRow(pipeline) {
  const row = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = pipeline.preferred ? `${pipeline.name} (preferred)` : pipeline.name;
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", `Agent of ${pipeline.name}`);
  if (!pipeline.agent_id) choice.add(new Option("Another agent", "", true, true));
  for (const { id, name: label } of agents) {
    choice.add(new Option(label, id, false, id === pipeline.agent_id));
  }
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Use";
  const told = document.createElement("span");
  told.setAttribute("role", "status");
  button.addEventListener("click", () =>
    during(button, told, async () => {
      if (!choice.value) throw new Error("Choose an agent first.");
      await ask("pipelines", "POST", { pipeline_id: pipeline.id, agent_id: choice.value });
      told.textContent = "Done.";
    }),
  );
  row.append(name, choice, button, told);
  return row;
}

async function showPipelines() {
  const pipelines = await ask("pipelines");
  find("pipelines").replaceChildren(...pipelines.map(pipelineRow));
}

async function showAll() {
  for (const [show, place] of [
    [showCompanion, "companion"],
    [showPipelines, "pipelines"],
    [async () => showOwn(await ask("own-integration")), "own-state"],
  ]) {
    await show().catch((problem) => (find(place).textContent = problem.message));
  }
}

find("home").addEventListener("toggle", () => find("home").open && showAll());
for (const [id, method] of [["own-use", "POST"], ["own-undo", "DELETE"]]) {
  find(id).addEventListener("click", () =>
    during(find(id), find("own-state"), async () => showOwn(await ask("own-integration", method))),
  );
}
find("access-show").addEventListener("click", () =>
  during(find("access-show"), find("access"), async () => {
    const { port, token, gateway_port, gateway_key } = await ask("access");
    const rows = { "Port": port, "Token": token, "Gateway's port": gateway_port, "Gateway's key": gateway_key };
    find("access").replaceChildren(
      ...Object.entries(rows).flatMap(([name, value]) => {
        const [term, description] = ["dt", "dd"].map((tag) => document.createElement(tag));
        term.textContent = name;
        description.textContent = value;
        return [term, description];
      }),
    );
    find("access").hidden = false;
  }),
);
