// Requests to the sidecar.

import { t } from "./texts.js";

const SHUT_OUT = ["not_administrator", "no_user"];

/** What the sidecar says is wrong; `lost` when it did not answer at all. */
export class Problem extends Error {
  constructor(message, { code = "", lost = false } = {}) {
    super(message);
    this.code = code;
    this.lost = lost;
  }
}

/** Send a request and return the response; throws a Problem. */
export async function send(path, method = "GET", body = undefined, signal = undefined, more = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: {
        "X-Requested-With": "panel",
        ...more,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Problem(t("lost"), { lost: true });
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => null);
  // Without a sentence of ours it was ingress that answered: the app is away.
  if (!answer?.error) throw new Problem(t("lost"), { lost: true });
  // Who may not come in any more is told so by the page, in their language.
  if (SHUT_OUT.includes(answer.error.code)) location.reload();
  throw new Problem(answer.error.message, answer.error);
}

/** Send a request and return the JSON of its answer, null when there is none; throws a Problem. */
export async function ask(path, method = "GET", body = undefined) {
  const response = await send(path, method, body);
  return response.status === 204 ? null : response.json();
}

/** Do something while a button waits; what goes wrong is said in `place`. */
export async function during(button, place, work) {
  if (button.getAttribute("aria-disabled")) return undefined;
  // Not `disabled`: that would take the focus away from who pressed it.
  button.setAttribute("aria-disabled", "true");
  if (place) place.textContent = "";
  try {
    return await work();
  } catch (problem) {
    if (place) place.textContent = problem.message;
    else throw problem;
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
