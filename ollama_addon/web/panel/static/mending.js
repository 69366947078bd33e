// What can be done about a turn: put right what went wrong, take it back, say whether it was right.

import { ask, during } from "./ask.js";
import { el } from "./dom.js";
import { t } from "./texts.js";

function button(words, place, work, kind = "plain") {
  const made = el("button", { type: "button", className: kind }, words);
  made.addEventListener("click", () => during(made, place, work));
  return made;
}

/** Change something in Home Assistant, and offer to take it back. */
async function change(code, params, said) {
  const { undo } = await ask("api/fixes", "POST", { code, params });
  const back = button(t("fix.undo"), null, async () => {
    await ask(`api/fixes/${encodeURIComponent(undo)}/undo`, "POST");
    said.textContent = t("fix.undone");
  });
  said.replaceChildren(`${t("ha.done")} `, back);
}

const option = ({ id, entity_id: entity, name }) => el("option", { value: id ?? entity }, name);

/** A form of one fix that a person can still change: its fields by their names. */
function form(words, fields, said, work) {
  const made = el("form", { className: "fields" }, fields, el("button", { className: "plain" }, words));
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    during(made.querySelector("button"), said, () => work(Object.fromEntries(new FormData(made))));
  });
  return made;
}

const FIXES = {
  add_alias: ({ alias, entities }, said) =>
    form(
      t("fix.add_alias"),
      [
        el("label", {}, t("fix.alias"), el("input", { name: "alias", value: alias, required: true, maxLength: 100, autocomplete: "off" })),
        el("label", {}, t("fix.entity"), el("select", { name: "entity_id" }, entities.map(option))),
      ],
      said,
      (values) => change("add_alias", values, said),
    ),
  set_area: ({ entity_id: entity, name, areas }, said) =>
    form(
      t("fix.set_area", { name }),
      el("label", {}, t("chat.areas"), el("select", { name: "area_id" }, areas.map(option))),
      said,
      ({ area_id: area }) => change("set_area", { entity_id: entity, area_id: area }, said),
    ),
  expose: ({ entity_ids, names }, said) => button(t("fix.expose", { name: names.join(", ") }), said, () => change("expose", { entity_ids }, said)),
  download_model: ({ model }, said) =>
    button(t("fix.download_model", { model }), said, async () => {
      await ask("api/models/pull", "POST", { name: model });
      said.textContent = t("models.pulling", { name: model });
    }),
  choose_model: () => el("a", { className: "button plain", href: "agents" }, t("fix.choose_model")),
};

function rating({ turn_id: id, rating: now, expected }, said, anew) {
  const rate = (right, words = null) => ask(`api/history/${encodeURIComponent(id)}/rating`, "PUT", { right, expected: words });
  const toggle = (name, right) => {
    const made = button(t(`rate.${name}`), said, async () => {
      await rate(now === name ? null : right);
      await anew();
    });
    made.setAttribute("aria-pressed", String(now === name));
    return made;
  };
  const input = el("input", { name: "expected", maxLength: 1000, autocomplete: "off", value: typeof expected === "string" ? expected : "" });
  const words = form(t("save"), el("label", { className: "wide" }, t("rate.expected"), input), said, async ({ expected: typed }) => {
    await rate(false, typed.trim() || null);
    said.textContent = t("ha.done");
  });
  return [
    el("p", { className: "actions" }, el("span", { className: "faint" }, t("rate.title")), toggle("right", true), toggle("wrong", false)),
    now === "wrong" && words,
  ];
}

/** Return the fixes and the rating of a turn; `anew` shows the turn once more. */
export function mending(turn, anew) {
  const said = el("p", { role: "status" });
  const offered = turn.fixes.filter(({ code }) => FIXES[code]).map(({ code, params }) => FIXES[code](params, said));
  // What is said again is only put into the field: whether it acts is decided there.
  offered.push(el("a", { className: "button plain", href: `chat?say=${encodeURIComponent(turn.text)}` }, t("fix.run_again")));
  return el("div", {}, el("div", { className: "actions" }, offered), rating(turn, said, anew), said);
}
