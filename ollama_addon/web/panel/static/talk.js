// A conversation with an agent: streamed, with what is done shown, and kept through a reload.

import { Problem, send } from "./ask.js";
import { el } from "./dom.js";
import { details, effect, took } from "./format.js";
import { t } from "./texts.js";

/** Yield the server-sent events of a response as [name, data]. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((row) => [row.slice(0, row.indexOf(":")), row.slice(row.indexOf(":") + 1).trim()]),
      );
      if (fields.data) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

export class Talk {
  /**
   * `list` shows the conversation, `form` has the sentence, its button and a `.stop` button.
   * `agent` returns the agent's id, `place` what is known of where one is. `key` names where the
   * conversation is kept while the browser's tab is open; without it, it is not.
   */
  constructor({ list, form, agent, place = () => ({}), key = "", onend = () => {} }) {
    Object.assign(this, { list, form, agent, place, key, onend });
    this.text = form.querySelector("input");
    this.stop = form.querySelector(".stop");
    this.lines = [];
    this.conversation = "";
    this.running = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.say();
    });
    this.stop.addEventListener("click", () => this.running?.abort());
    this.text.addEventListener("input", () => this.keep());
    this.restore();
  }

  get empty() {
    return !this.lines.length;
  }

  /** Begin another conversation. */
  anew() {
    this.running?.abort();
    this.lines = [];
    this.conversation = "";
    this.list.replaceChildren();
    this.keep();
  }

  async say() {
    const sentence = this.text.value.trim();
    if (!sentence || this.running) return;
    this.running = new AbortController();
    this.text.value = "";
    this.stop.hidden = false;
    this.list.setAttribute("aria-busy", "true");
    this.add("mine", sentence);
    try {
      await this.turn(sentence);
    } catch (problem) {
      if (problem.name === "AbortError") this.add("note", t("chat.stopped"));
      else {
        const known = problem instanceof Problem;
        this.add("error", known && !problem.lost ? problem.message : t("chat.lost"));
        this.text.value ||= sentence;
      }
    } finally {
      this.running = null;
      this.stop.hidden = true;
      this.list.removeAttribute("aria-busy");
      this.keep();
      if (document.activeElement === document.body || document.activeElement === this.stop) this.text.focus();
      this.onend();
    }
  }

  async turn(sentence) {
    const path = `api/agents/${encodeURIComponent(this.agent())}/converse`;
    const body = { text: sentence, conversation_id: this.conversation, ...this.place() };
    const response = await send(path, "POST", body, this.running.signal);
    const actions = new Map();
    let reply = null;
    let turn = "";
    let ended = false;
    for await (const [name, data] of events(response)) {
      if (name === "start") {
        this.conversation = data.conversation_id;
        turn = data.turn_id;
      } else if (name === "tool_call") {
        const call = `${data.name} (${details(data.arguments)})`;
        const mended = data.mended.length ? ` [${data.mended.join("; ")}]` : "";
        actions.set(data.id, [this.add("action", `${call}${mended} …`), `${call}${mended}`]);
      } else if (name === "tool_result") {
        const [line, call] = actions.get(data.id);
        this.change(line, `${call} ${effect(data)}`);
      } else if (name === "delta") {
        reply ??= this.add("theirs", "");
        this.change(reply, this.textOf(reply) + data.content);
      } else if (name === "error") {
        ended = true;
        this.add("error", data.message);
      } else if (name === "end") {
        ended = true;
        this.add("why", t("chat.took", { time: took(data.timings.total), outcome: t(`outcome.${data.outcome}`) }), turn);
      }
    }
    if (!ended) throw new Problem(t("chat.lost"), { lost: true });
  }

  add(kind, text, turn = "") {
    this.lines.push({ kind, text, turn });
    const line = el("p", { className: kind }, text);
    if (turn) line.append(" ", el("a", { href: `happened#${turn}` }, t("chat.why")));
    this.list.append(line);
    line.scrollIntoView({ block: "nearest" });
    return this.lines.length - 1;
  }

  textOf(at) {
    return this.lines[at].text;
  }

  change(at, text) {
    this.lines[at].text = text;
    this.list.children[at].textContent = text;
    this.list.children[at].scrollIntoView({ block: "nearest" });
  }

  keep() {
    if (!this.key) return;
    const { conversation, lines } = this;
    sessionStorage.setItem(this.key, JSON.stringify({ conversation, lines: lines.slice(-200), draft: this.text.value }));
  }

  restore() {
    const kept = this.key && JSON.parse(sessionStorage.getItem(this.key) ?? "null");
    if (!kept) return;
    this.conversation = kept.conversation;
    this.text.value = kept.draft;
    for (const { kind, text, turn } of kept.lines) this.add(kind, text, turn);
  }
}
