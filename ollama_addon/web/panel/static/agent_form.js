// The form of one agent, with its instructions rendered while they are written.

import { ask } from "./ask.js";
import { el } from "./dom.js";
import { Fields } from "./fields.js";
import { t } from "./texts.js";

const TABLE = {
  name: { kind: "text", required: true, initial: "" },
  model: { kind: "text", list: "model-names", required: true, initial: "" },
  instructions: { kind: "long", initial: "" },
  control_home: { kind: "check", initial: true },
  context_window: { kind: "number", initial: 8192, min: 2048, more: true },
  max_history: { kind: "number", initial: 20, min: 0, more: true },
  keep_alive: { kind: "number", initial: -1, min: -1, more: true },
  strategy: { kind: "choice", options: ["auto", "structured", "native"], initial: "auto", more: true },
  think: { kind: "check", initial: false, more: true },
  confirm: { kind: "checks", options: ["unlock", "alarm", "garage_door"], initial: [], more: true },
  temperature: { kind: "number", initial: "", min: 0, max: 2, step: 0.1, more: true },
};
const TYPING = 500;
/** Milliseconds without a key after which the instructions are rendered. */

export class AgentForm extends Fields {
  /** `key` names where unsaved input is kept while the browser's tab is open. */
  constructor(form, key) {
    super(form, TABLE, "field");
    this.key = key;
    this.preview = el("div", { className: "preview", "aria-live": "polite" });
    form.addEventListener("input", ({ target }) => {
      this.keep();
      if (target.name === "instructions") this.soon();
    });
  }

  /** Show an agent, with the names of models to choose from. */
  showAgent(agent, models, buttons) {
    this.show(agent, buttons, { instructions: this.preview });
    this.form.append(el("datalist", { id: "model-names" }, models.map((name) => el("option", { value: name }))));
    this.render();
  }

  keep() {
    sessionStorage.setItem(this.key, JSON.stringify({ original: this.original, agent: this.value() }));
  }

  /** Return what was typed and not saved, as `{original, agent}`; null when nothing was. */
  kept() {
    return JSON.parse(sessionStorage.getItem(this.key) ?? "null");
  }

  forget() {
    sessionStorage.removeItem(this.key);
  }

  soon() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.render(), TYPING);
  }

  /** Show what Home Assistant makes of the instructions, and warn when that changes by itself. */
  async render() {
    const instructions = this.form.elements.instructions.value;
    const asked = (this.asked = Symbol("preview"));
    if (!instructions.includes("{")) return this.preview.replaceChildren();
    let parts;
    try {
      const { text, error, changes_with_time, follows, fallback } = await ask("api/instructions/preview", "POST", { instructions });
      const warning = changes_with_time ? t("preview.time") : follows.length ? t("preview.follows", { names: follows.slice(0, 5).join(", ") }) : "";
      parts = [
        error && el("p", { className: "wrong" }, t("preview.error", { error })),
        warning && el("p", { className: "warning" }, warning),
        fallback && el("p", { className: "warning" }, t("preview.fallback")),
        !error && el("pre", { tabIndex: 0, "aria-label": t("preview") }, text),
      ];
    } catch (problem) {
      parts = [el("p", { className: "wrong" }, problem.message)];
    }
    // Only the newest answer is about what stands there now.
    if (asked === this.asked) this.preview.replaceChildren(el("h3", {}, t("preview")), ...parts.filter(Boolean));
    return undefined;
  }
}
