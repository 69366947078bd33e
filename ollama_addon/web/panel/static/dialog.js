// Questions before something is lost.

import { el } from "./dom.js";
import { t } from "./texts.js";

/** Ask, and resolve to whether the person wants it. Escape and "Cancel" mean no. */
export function sure(question, action) {
  return new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { "aria-labelledby": "question" },
      el("p", { id: "question" }, question),
      el(
        "form",
        { method: "dialog", className: "actions" },
        el("button", { value: "no", className: "plain", autofocus: true }, t("cancel")),
        el("button", { value: "yes", className: "danger" }, action),
      ),
    );
    // Not by submitting: the content security policy allows no form to be sent.
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.close(event.submitter?.value);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
