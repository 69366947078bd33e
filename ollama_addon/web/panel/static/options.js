// The add-on's options, read and written through the Supervisor.

import { ask } from "./ask.js";

/** Return the options as they are kept. */
export const read = async () => (await ask("api/options")).options;

/** Return what is wrong in options, as [{field, message}]. */
export const check = (options) => ask("api/options/check", "POST", { options });

/** Keep other options; returns the names of those that wait for a restart. */
export const write = async (options) => (await ask("api/options", "PUT", { options })).waiting_for_restart;
