// Orders for later and automations made by voice: when they are due, done now or deleted.

import { ask, during } from "./ask.js";
import { sure } from "./dialog.js";
import { el, fill, find } from "./dom.js";
import { when } from "./format.js";
import { t } from "./texts.js";

const said = find("planned-said");
const known = new Map();

function row({ id, kind, due, text, phrase, changed, missing }) {
  const words = text || phrase;
  const facts = [
    kind === "automations" && t("planned.automation"),
    due && when(Date.parse(due) / 1000),
    changed && t("planned.changed"),
    missing.length > 0 && t("planned.missing", { names: missing.join(", ") }),
  ];
  const button = (name, label, style) => el("button", { type: "button", className: style, data: { name, id }, "aria-label": `${label}: ${words}` }, label);
  return el(
    "li",
    { className: "fields" },
    el("span", { className: "wide" }, words, el("br"), el("span", { className: "faint" }, facts.filter(Boolean).join(" · "))),
    button("now", t("planned.now"), "plain"),
    button("delete", t("delete"), "plain danger"),
  );
}

/** Show what is planned; nothing at all while nothing is. */
export async function showPlanned() {
  const [{ orders, message }, automations] = await Promise.all([ask("api/orders"), ask("api/automations")]);
  const all = [...orders.map((each) => ({ ...each, kind: "orders" })), ...automations.map((each) => ({ ...each, kind: "automations" }))];
  known.clear();
  for (const each of all) known.set(each.id, each);
  find("planned").hidden = !all.length && !message;
  find("planned-trouble").textContent = message ?? "";
  fill(find("planned-list"), all.map(row));
}

find("planned-list").addEventListener("click", async ({ target }) => {
  const planned = known.get(target.dataset.id);
  if (!planned) return;
  const path = `api/${planned.kind}/${encodeURIComponent(planned.id)}`;
  const away = target.dataset.name === "delete";
  if (away && !(await sure(t("planned.sure", { text: planned.text || planned.phrase }), t("delete")))) return;
  await during(target, said, async () => {
    await (away ? ask(path, "DELETE") : ask(`${path}/now`, "POST"));
    await showPlanned();
  });
});
