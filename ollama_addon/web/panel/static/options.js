// The app's options, read and written through the Supervisor.

import { ask, send } from "./ask.js";

/** Which options were read last: what is written is a change of those. */
let version = "*";

/** Return the options as they are kept. */
export async function read() {
  const response = await send("api/options");
  version = response.headers.get("ETag") ?? "*";
  return (await response.json()).options;
}

/** Return what is wrong in options, as [{field, message}]. */
export const check = async (options) =>
  (await ask("api/options/check", "POST", { options })).filter((problem) => !problem.notice);

/** Keep options that were made of those read last; returns what waits for a restart. */
export async function write(options) {
  const more = { "If-Match": version };
  const response = await send("api/options", "PUT", { options }, undefined, more);
  version = response.headers.get("ETag") ?? "*";
  return (await response.json()).waiting_for_restart;
}
