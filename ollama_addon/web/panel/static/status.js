// How a part of the app is, in the words of the page.

import { share } from "./format.js";
import { language, t } from "./texts.js";

const list = new Intl.ListFormat(language, { type: "unit" });
const INTEGRATION = ["off", "foreign", "failed"];

function key({ code, params }) {
  if (code === "downloading" && typeof params.percent === "number") return params.minutes_left ? "downloading.left" : "downloading.percent";
  if (code === "some_missing" || code === "under_way") return "there";
  if (code === "not_added" && INTEGRATION.includes(params.companion)) return `integration_${params.companion}`;
  return code;
}

/** Return the sentence of a part; the sidecar's own where there is none for its code. */
export function worded(part) {
  const values = Object.entries(part.params).map(([name, value]) => {
    if (Array.isArray(value)) return [name, list.format(value.map(String))];
    if (name === "percent") return [name, share(value / 100)];
    return [name, typeof value === "number" ? value.toLocaleString(language) : value];
  });
  const name = key(part);
  const words = t(`status.${name}`, Object.fromEntries(values));
  return words === `status.${name}` ? part.message : words;
}

/** Whether a person has to do something about a part; what is not known or under way is no problem. */
export const wrong = ({ state }) => state === "attention" || state === "down";
