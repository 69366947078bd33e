// The settings of the built-in Ollama server.

import { during } from "./ask.js";
import { el, find } from "./dom.js";
import { Fields } from "./fields.js";
import * as options from "./options.js";
import { t } from "./texts.js";

const TABLE = {
  keep_alive: { kind: "number", initial: 300, min: -1 },
  num_parallel: { kind: "number", initial: 1, min: 1, max: 16 },
  max_loaded_models: { kind: "number", initial: 0, min: 0, max: 16 },
  kv_cache_type: { kind: "choice", options: ["f16", "q8_0", "q4_0"], initial: "f16" },
  threads: { kind: "number", initial: 0, min: 0, max: 256 },
  cache_ram: { kind: "number", initial: 512, min: 0 },
  flash_attention: { kind: "check", initial: true },
  vulkan: { kind: "check", initial: true },
};

const form = new Fields(find("engine-form"), TABLE, "engine");
const said = find("engine-said");

async function save() {
  const wanted = { ...(await options.read()), engine: form.value() };
  const problems = await options.check(wanted);
  if (problems.length) return form.complain(problems, "engine.");
  await options.write(wanted);
  said.textContent = t("engine.saved");
  return undefined;
}

/** Show the settings as they are kept. */
async function showEngine() {
  const { engine } = await options.read();
  form.show(engine ?? {}, [el("button", {}, t("save"))]);
}

find("engine-form").addEventListener("submit", (event) => {
  event.preventDefault();
  during(event.submitter ?? find("engine-form").querySelector(".actions button"), said, save);
});
find("engine").addEventListener("toggle", () => {
  if (find("engine").open) showEngine().catch((problem) => (said.textContent = problem.message));
});
