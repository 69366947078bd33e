// The way from a fresh installation to the first sentence, step by step.

import { ask, during } from "./ask.js";
import { el, find } from "./dom.js";
import { bytes, hardware, range } from "./format.js";
import * as options from "./options.js";
import { showProgress } from "./progress.js";
import { worded } from "./status.js";
import { Talk } from "./talk.js";
import { t } from "./texts.js";

const HIDDEN = "ollama-guide-hidden";
const SAID = "ollama-guide-said";

export class Guide {
  /** `known` is what the page knows of the app; it changes while the guide is shown. */
  constructor(known) {
    this.known = known;
    this.recommended = null;
    this.pulls = new Map();
    this.hasSaid = localStorage.getItem(SAID) !== null;
    this.talk = new Talk({
      list: find("first"),
      form: find("first-form"),
      agent: () => this.known.agents[0]?.id ?? "",
      key: "ollama-first",
    });
    find("guide-hide").addEventListener("click", () => this.hide(true));
    find("guide-show").addEventListener("click", () => this.hide(false));
    find("guide-choice").addEventListener("change", () => this.explain());
    find("guide-use").addEventListener("click", () => during(find("guide-use"), find("guide-why"), () => this.use()));
    this.lookBack();
  }

  /** Nobody needs to be told to speak who has spoken before. */
  async lookBack() {
    const { turns } = await ask("api/history?limit=1&outcome=done").catch(() => ({ turns: [] }));
    if (turns.length) this.said();
  }

  said() {
    localStorage.setItem(SAID, "1");
    this.hasSaid = true;
    this.show();
  }

  hide(hidden) {
    if (hidden) localStorage.setItem(HIDDEN, "1");
    else localStorage.setItem(HIDDEN, "");
    this.show();
    (hidden ? find("guide-show") : find("guide-hide")).focus();
  }

  /** The model of the first agent, as it is listed. */
  get model() {
    const wanted = this.known.agents[0]?.model;
    return this.known.models.find(({ name }) => name === wanted || name === `${wanted}:latest`);
  }

  show() {
    const { agents, status } = this.known;
    if (!status || !agents.length) return;
    const present = Boolean(this.model?.present);
    const pulling = Boolean(this.model?.active);
    const steps = {
      "step-model": present || pulling,
      "step-download": present,
      "step-say": present && this.hasSaid,
      "step-assist": status.companion.state === "ok" && status.assistants.state === "ok",
    };
    const todo = Object.keys(steps).filter((id) => !steps[id]);
    for (const [id, done] of Object.entries(steps)) {
      const step = find(id);
      step.dataset.done = done;
      if (id === todo[0]) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    }
    const kept = localStorage.getItem(HIDDEN);
    // Who has asked to see it does, also when nothing is left to do.
    const shown = kept === null ? todo.length > 0 : kept === "";
    find("guide").hidden = !shown;
    find("guide-show").hidden = shown;
    const words = `${worded(status.companion)} ${worded(status.assistants)}`;
    if (find("guide-companion").textContent !== words) find("guide-companion").textContent = words;
    this.showPulls(present);
    if (shown && !this.recommended) this.recommend();
  }

  showPulls(present) {
    const place = find("guide-pulls");
    const pull = this.pulls.get(this.known.agents[0]?.model);
    if (pull && !present) showProgress(place, pull, find("guide-why"));
    else place.textContent = present ? t("guide.download.done", { name: this.known.agents[0].model }) : t("guide.download.none");
  }

  pull(pull) {
    this.pulls.set(pull.name, pull);
    this.show();
  }

  async recommend() {
    this.recommended = [];
    try {
      const { machine, models } = await ask("api/models/recommended");
      this.recommended = models;
      find("machine").textContent = hardware(machine);
      const now = this.known.agents[0].model;
      const fitting = models.filter(({ recommended }) => recommended);
      const named = fitting.some(({ name }) => name === now) ? fitting : [models.find(({ name }) => name === now) ?? { name: now }, ...fitting];
      find("guide-choice").replaceChildren(
        ...named.map(({ name, size, fits, suggested }) => {
          const notes = [size && bytes(size), suggested && t("models.suggested"), fits === "no" && t("fits.no")].filter(Boolean);
          return el("option", { value: name }, notes.length ? `${name} – ${notes.join(", ")}` : name);
        }),
      );
      const best = models.find(({ suggested }) => suggested);
      find("guide-choice").value = this.model?.present || this.model?.active ? now : (best?.name ?? now);
      this.explain();
    } catch (problem) {
      this.recommended = null;
      find("guide-why").textContent = problem.message;
    }
  }

  explain() {
    const chosen = this.recommended?.find(({ name }) => name === find("guide-choice").value);
    find("guide-why").textContent = chosen
      ? `${chosen.why} ${t(`basis.${chosen.basis}`, { range: range(chosen.command), model: chosen.basis_model })}. ${t(`fits.${chosen.fits}`)}`
      : "";
  }

  /** Give the first agent the chosen model; it is downloaded at once. */
  async use() {
    const name = find("guide-choice").value;
    const all = await options.read();
    const agents = all.agents.map((agent, at) => (at === 0 ? { ...agent, model: name } : agent));
    await options.write({ ...all, agents });
    find("guide-why").textContent = t("guide.model.used", { name });
  }
}
