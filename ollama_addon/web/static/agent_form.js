// The form of one agent: its fields, what is wrong beside them, and what was typed kept.

import { ask } from "./ask.js";
import { el } from "./dom.js";
import { t } from "./texts.js";

/** The fields in order: how each is shown, and its default when the options leave it out. */
const FIELDS = {
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

export class AgentForm {
  /** `form` gets the fields; `key` names where unsaved input is kept while the tab is open. */
  constructor(form, key) {
    this.form = form;
    this.key = key;
    this.preview = el("div", { className: "preview", "aria-live": "polite" });
    form.addEventListener("input", (event) => {
      this.keep();
      this.mark(event.target.name, "");
      if (event.target.name === "instructions") this.soon();
    });
  }

  /** Show an agent; `draft` has what was typed before and not saved. */
  show(agent, models, buttons) {
    const field = ([name, about]) => this.field(name, about, agent[name] ?? about.initial);
    const all = Object.entries(FIELDS);
    const more = el("details", {}, el("summary", {}, t("agents.more")), all.filter(([, { more }]) => more).map(field));
    this.form.replaceChildren(
      ...all.filter(([, { more }]) => !more).map(field),
      more,
      el("datalist", { id: "model-names" }, models.map((name) => el("option", { value: name }))),
      el("p", { className: "wrong", id: "form-wrong", role: "alert" }),
      el("p", { className: "actions" }, buttons),
    );
    this.render();
  }

  field(name, about, value) {
    const id = `field-${name}`;
    const described = `${id}-hint ${id}-wrong`;
    const hint = el("p", { className: "faint", id: `${id}-hint` }, t(`field.${name}.hint`));
    const wrong = el("p", { className: "wrong", id: `${id}-wrong`, hidden: true });
    if (about.kind === "checks") {
      const boxes = about.options.map((option) =>
        el("label", { className: "check" }, el("input", { type: "checkbox", name, value: option, checked: value.includes(option) }), t(`confirm.${option}`)),
      );
      return el("fieldset", { id, "aria-describedby": described }, el("legend", {}, t(`field.${name}`)), hint, boxes, wrong);
    }
    if (about.kind === "check") {
      const box = el("input", { id, name, type: "checkbox", checked: value, "aria-describedby": described });
      return el("div", { className: "field" }, el("label", { className: "check" }, box, t(`field.${name}`)), hint, wrong);
    }
    let input;
    if (about.kind === "choice") {
      input = el("select", { id, name }, about.options.map((option) => el("option", { value: option, selected: option === value }, t(`strategy.${option}`))));
    } else if (about.kind === "long") {
      input = el("textarea", { id, name, rows: 6, spellcheck: true });
      input.value = value;
    } else {
      const { min, max, step } = about;
      input = el("input", { id, name, type: about.kind, min, max, step, autocomplete: "off", required: about.required });
      if (about.list) input.setAttribute("list", about.list);
      input.value = value ?? "";
    }
    input.setAttribute("aria-describedby", described);
    return el("div", { className: "field" }, el("label", { htmlFor: id }, t(`field.${name}`)), input, hint, wrong, name === "instructions" && this.preview);
  }

  /** Return the agent as it is typed; empty numbers are left out. */
  value() {
    const { elements } = this.form;
    const agent = {};
    for (const [name, { kind }] of Object.entries(FIELDS)) {
      if (kind === "checks") {
        agent[name] = [...this.form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
      } else if (kind === "check") agent[name] = elements[name].checked;
      else if (kind !== "number") agent[name] = elements[name].value.trim();
      else if (elements[name].value !== "") agent[name] = Number(elements[name].value);
    }
    return agent;
  }

  keep() {
    sessionStorage.setItem(this.key, JSON.stringify({ for: this.id, agent: this.value() }));
  }

  /** Return what was typed and not saved, as `{for, agent}`; null when nothing was. */
  kept() {
    return JSON.parse(sessionStorage.getItem(this.key) ?? "null");
  }

  forget() {
    sessionStorage.removeItem(this.key);
  }

  /** Say what is wrong with a field; an empty message takes it back. */
  mark(name, message) {
    const wrong = document.getElementById(`field-${name}-wrong`);
    if (!wrong) return false;
    wrong.textContent = message;
    wrong.hidden = !message;
    const input = document.getElementById(`field-${name}`);
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return true;
  }

  /** Show problems as `api/options/check` returns them for the agent at `place`; focus the first. */
  complain(problems, place) {
    for (const name of Object.keys(FIELDS)) this.mark(name, "");
    const prefix = `agents[${place}].`;
    const rest = [];
    let first = null;
    for (const { field, message } of problems) {
      const name = field.startsWith(prefix) ? field.slice(prefix.length) : "";
      const plain = message.replaceAll(prefix, "").replace(/ [^ ]+ is (used instead|left out)\.$/, "");
      if (this.mark(name, plain)) first ??= document.getElementById(`field-${name}`);
      else rest.push(message);
    }
    document.getElementById("form-wrong").textContent = rest.join(" ");
    first?.closest("details")?.setAttribute("open", "");
    first?.focus();
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
