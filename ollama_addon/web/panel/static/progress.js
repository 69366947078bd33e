// Downloads of models, as they go on.

import { ask, during } from "./ask.js";
import { el } from "./dom.js";
import { t } from "./texts.js";

/** Return a download with its bar and the button to stop it; what goes wrong is said in `place`. */
export function progress({ name, percent, message, active }, place) {
  const stop = el("button", { type: "button", className: "plain" }, t("models.cancel"));
  stop.addEventListener("click", () => during(stop, place, () => ask("api/models/cancel", "POST", { name })));
  return el(
    "div",
    { className: "pull", data: { name } },
    active && el("progress", { max: 100, value: percent ?? 0, "aria-label": name }),
    el("p", { className: active ? "" : "wrong" }, message),
    active && stop,
  );
}

/** Show a download anew; while it goes on only its numbers change, so that focus stays. */
export function showProgress(parent, pull, place) {
  const before = parent.querySelector(".pull");
  if (before?.dataset.name === pull.name && pull.active && before.querySelector("progress")) {
    before.querySelector("progress").value = pull.percent ?? 0;
    before.querySelector("p").textContent = pull.message;
  } else parent.replaceChildren(progress(pull, place));
}
