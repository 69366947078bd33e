// What happened: every turn that is kept, found, explained, exported and deleted.

import { ask, during } from "./ask.js";
import { sure } from "./dialog.js";
import { el, find } from "./dom.js";
import { took, when } from "./format.js";
import { listen } from "./live.js";
import { plots } from "./plots.js";
import { counted, t } from "./texts.js";
import { explained } from "./turn.js";

const PAGE = 30;
const form = find("filter");
const list = find("turns");
const open = new Set(location.hash ? [location.hash.slice(1)] : []);
let next = null;
let latest = 0;

/** Return what is looked for as the parameters of a request. */
function wanted() {
  const { search, agent, outcome, source, days } = Object.fromEntries(new FormData(form));
  const since = days ? Math.floor(Date.now() / 1000 - days * 86_400) : "";
  const values = Object.entries({ search: search.trim(), agent, outcome, source, since });
  return new URLSearchParams(values.filter(([, value]) => value));
}

async function explain(id, place) {
  try {
    const turn = await ask(`api/history/${encodeURIComponent(id)}`);
    const remove = el("button", { type: "button", className: "plain danger" }, t("happened.delete"));
    remove.addEventListener("click", async () => {
      if (!(await sure(t("happened.delete.sure"), t("delete")))) return;
      await during(remove, find("found"), async () => {
        await ask(`api/history/${encodeURIComponent(id)}`, "DELETE");
        open.delete(id);
        await show();
        find("search").focus();
      });
    });
    place.replaceChildren(explained(turn, () => explain(id, place)), el("p", { className: "actions" }, remove));
  } catch (problem) {
    place.replaceChildren(el("p", { className: "wrong" }, problem.message));
  }
}

function row(turn) {
  const body = el("div", {}, t("loading"));
  const numbers = [turn.total !== null && took(turn.total), turn.area, t(`source.${turn.source}`)];
  const details = el(
    "details",
    { id: turn.id, open: open.has(turn.id) },
    el(
      "summary",
      {},
      el("span", { className: "said" }, turn.text),
      el("span", { className: "reply" }, turn.reply || "–"),
      el(
        "span",
        { className: "faint" },
        el("span", { className: `badge ${turn.outcome}` }, t(`outcome.${turn.outcome}`)),
        ` ${when(turn.began)} · ${turn.agent_name || turn.agent} · ${numbers.filter(Boolean).join(" · ")}`,
      ),
    ),
    body,
  );
  if (details.open) explain(turn.id, body);
  details.addEventListener("toggle", () => {
    if (!details.open) open.delete(turn.id);
    else if (!open.has(turn.id)) {
      open.add(turn.id);
      explain(turn.id, body);
    }
  });
  return el("li", {}, details);
}

/** Show the first page, or a further one below. */
async function show(further = false) {
  const mine = ++latest;
  const parameters = wanted();
  find("export").href = `api/history/export?format=turns&${parameters}`;
  parameters.set("limit", PAGE);
  if (further) parameters.set("before", next);
  try {
    const page = await ask(`api/history?${parameters}`);
    if (mine !== latest) return;
    const rows = page.turns.map(row);
    if (further) list.append(...rows);
    else list.replaceChildren(...rows);
    next = page.next;
    find("more").hidden = next === null;
    find("keeping").textContent = page.message || (page.days ? counted("happened.keeping", page.days) : t("happened.off"));
    const count = list.children.length;
    find("found").textContent = count ? counted(next === null ? "turns" : "turns.more", count) : t("happened.none");
    if (further) rows[0]?.querySelector("summary").focus();
    else await draw();
  } catch (problem) {
    find("found").textContent = problem.message;
  }
}

/** Add the turns that were said meanwhile; what is read or has the focus stays as it is. */
async function showNew() {
  const parameters = wanted();
  parameters.set("limit", PAGE);
  const { turns } = await ask(`api/history?${parameters}`);
  for (const turn of turns.reverse()) if (!find(turn.id)) list.prepend(row(turn));
  find("found").textContent = counted(next === null ? "turns" : "turns.more", list.children.length);
  await draw();
}

async function draw() {
  find("plots").replaceChildren(...plots(await ask(`api/history/series?${wanted()}`)));
}

/** Show the turn that the address names, where it is not on the first page. */
async function showNamed() {
  const id = location.hash.slice(1);
  if (!id) return;
  if (!find(id)) {
    const body = el("div");
    await explain(id, body);
    list.prepend(el("li", {}, el("details", { id, open: true }, el("summary", {}, t("happened.named")), body)));
  }
  const details = find(id);
  details.open = true;
  details.querySelector("summary").focus();
  details.scrollIntoView({ block: "start" });
}

let typing;
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(show, 250);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  show();
});
find("more").addEventListener("click", () => show(true));
find("delete-all").addEventListener("click", async () => {
  if (!(await sure(t("happened.delete_all.sure"), t("happened.delete_all")))) return;
  await during(find("delete-all"), find("found"), async () => {
    await ask("api/history", "DELETE");
    open.clear();
    await show();
  });
});
addEventListener("hashchange", showNamed);

let first = true;
listen(
  {
    journal: () => showNew().catch(() => {}),
    agents: (agents) => {
      const select = find("f-agent");
      const before = select.value;
      select.replaceChildren(
        el("option", { value: "" }, t("any")),
        ...agents.map(({ id, name }) => el("option", { value: id }, name)),
      );
      select.value = before;
    },
  },
  async () => {
    await show();
    if (first) await showNamed();
    first = false;
  },
);
