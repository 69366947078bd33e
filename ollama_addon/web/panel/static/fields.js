// A form made of a table of fields: what is wrong is said beside each of them.

import { el } from "./dom.js";
import { t } from "./texts.js";

/**
 * `form` gets the fields, `table` says what there is: by name `{kind, initial}` with `options` for
 * choices, `min`, `max` and `step` for numbers, `more` for what few people need. The texts are
 * `<words>.<name>` and `<words>.<name>.hint`, those of options `<name>.<option>`.
 */
export class Fields {
  constructor(form, table, words) {
    Object.assign(this, { form, table, words });
    form.addEventListener("input", ({ target }) => target.name && this.mark(target.name, ""));
  }

  /** Show these values, and buttons below; `extras` are elements to put below a field by name. */
  show(values, buttons, extras = {}) {
    const all = Object.entries(this.table);
    const made = (wanted) => all.filter(([, { more }]) => Boolean(more) === wanted).map(([name, about]) => this.field(name, about, values[name] ?? about.initial, extras[name]));
    const more = made(true);
    this.wrong = el("p", { className: "wrong", role: "alert" });
    this.form.replaceChildren(
      ...made(false),
      ...(more.length ? [el("details", {}, el("summary", {}, t("fields.more")), more)] : []),
      this.wrong,
      el("p", { className: "actions" }, buttons),
    );
  }

  id(name) {
    return `${this.words}-${name}`;
  }

  field(name, about, value, extra) {
    const id = this.id(name);
    const key = `${this.words}.${name}`;
    const described = `${id}-hint ${id}-wrong`;
    const hint = el("p", { className: "faint", id: `${id}-hint` }, t(`${key}.hint`));
    const wrong = el("p", { className: "wrong", id: `${id}-wrong`, hidden: true });
    if (about.kind === "checks") {
      const boxes = about.options.map((option) =>
        el("label", { className: "check" }, el("input", { type: "checkbox", name, value: option, checked: value.includes(option) }), t(`${name}.${option}`)),
      );
      return el("fieldset", { id, "aria-describedby": described }, el("legend", {}, t(key)), hint, boxes, wrong);
    }
    if (about.kind === "check") {
      const box = el("input", { id, name, type: "checkbox", checked: value, "aria-describedby": described });
      return el("div", { className: "field" }, el("label", { className: "check" }, box, t(key)), hint, wrong);
    }
    const input = this.input(id, name, about, value);
    input.setAttribute("aria-describedby", described);
    return el("div", { className: "field" }, el("label", { htmlFor: id }, t(key)), input, hint, wrong, extra);
  }

  input(id, name, { kind, options, list, min, max, step, required }, value) {
    if (kind === "choice") {
      return el("select", { id, name }, options.map((option) => el("option", { value: option, selected: option === value }, t(`${name}.${option}`))));
    }
    const input =
      kind === "long"
        ? el("textarea", { id, name, rows: 6, spellcheck: true })
        : el("input", { id, name, type: kind, min, max, step, autocomplete: "off", required });
    if (list) input.setAttribute("list", list);
    input.value = value ?? "";
    return input;
  }

  /** Return what is typed; empty numbers are left out. */
  value() {
    const { elements } = this.form;
    const values = {};
    for (const [name, { kind }] of Object.entries(this.table)) {
      if (kind === "checks") {
        values[name] = [...this.form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
      } else if (kind === "check") values[name] = elements[name].checked;
      else if (kind !== "number") values[name] = elements[name].value.trim();
      else if (elements[name].value !== "") values[name] = Number(elements[name].value);
    }
    return values;
  }

  /** Say what is wrong with a field; an empty message takes it back. Returns the field, if any. */
  mark(name, message) {
    const input = document.getElementById(this.id(name));
    if (!input || !(name in this.table)) return null;
    const wrong = document.getElementById(`${this.id(name)}-wrong`);
    wrong.textContent = message;
    wrong.hidden = !message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return input;
  }

  /**
   * Show problems as `api/options/check` returns them, for the group of options that `prefix`
   * names (`agents[0].`); the first field that is wrong gets the focus.
   */
  complain(problems, prefix) {
    for (const name of Object.keys(this.table)) this.mark(name, "");
    const rest = [];
    let first = null;
    for (const { field, message } of problems) {
      const name = field.startsWith(prefix) ? field.slice(prefix.length) : "";
      // What the app would do with it is of no interest to who can still mend it.
      const plain = message.replaceAll(prefix, "").replace(/ \S+ is (used instead|left out)\.$/, "");
      const input = this.mark(name, plain);
      if (input) first ??= input;
      else rest.push(message);
    }
    this.wrong.textContent = rest.join(" ");
    first?.closest("details")?.setAttribute("open", "");
    first?.focus();
  }
}
