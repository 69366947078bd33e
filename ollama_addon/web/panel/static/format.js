// Numbers, sizes and times as people write them.

import { language, t } from "./texts.js";

const number = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: 0, maximumFractionDigits: digits });

/** Return bytes as GB or MB. */
export const bytes = (count) =>
  count >= 1e9 ? `${number(count / 1e9, 1)} GB` : `${number(count / 1e6, 0)} MB`;

/** Return milliseconds as ms or s. */
export const took = (ms) => (ms < 1000 ? `${number(ms, 0)} ms` : `${number(ms / 1000, 1)} s`);

export const share = (part) => `${number(part * 100, 0)} %`;

export { number };

/** Return two numbers as `from–to`, one where both are written alike. */
export function range([low, high]) {
  const [from, to] = [low, high].map((value) => number(value, value < 10 ? 1 : 0));
  return from === to ? from : `${from}–${to}`;
}

/** Return how many parameters a model has, from Ollama's way to write it (`134.52M`). */
export function parameters(written) {
  const [, count, unit] = /^([\d.]+)([KMB])$/.exec(written ?? "") ?? [];
  return unit ? (Number(count) * { K: 1e3, M: 1e6, B: 1e9 }[unit]).toLocaleString(language, { notation: "compact", maximumFractionDigits: 1 }) : written;
}

/** Return what the machine is, as `api/models/recommended` tells it. */
export function hardware({ processor, cores, memory, memory_available: free, disk_free: disk, gpus }) {
  const line = t("machine", { processor: processor || "CPU", cores, memory: bytes(memory), free: bytes(free), disk: bytes(disk) });
  return [line, ...gpus.filter(({ node }) => node).map(({ name }) => `GPU: ${name}`)].join(", ");
}

/** Return where a model runs, from the share of it on the GPU; empty while that is not known. */
export function where(gpu) {
  if (gpu === undefined || gpu === null) return "";
  return gpu >= 0.99 ? t("on.gpu") : gpu > 0.01 ? t("on.both", { share: share(gpu) }) : t("on.cpu");
}

/** Return a moment (seconds since the epoch): the time alone when it was today. */
export function when(epoch) {
  const date = new Date(epoch * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString(language)
    : date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

/** Return arguments of a call as `name: value, …`. */
export const details = (values) =>
  Object.entries(values)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");

/** Return what became of an action: the states before and after, or why it failed. */
export function effect({ ok, result }) {
  if (ok === undefined || ok === null) return "…";
  if (!ok) return `✗ ${result?.reason || t("action.failed")}`;
  const changed = (result?.changed ?? []).map(({ name, before, after }) => `${name}: ${before} → ${after}`);
  const items = result?.items ?? [];
  return ["✓", [...changed, ...items].join("; ")].filter(Boolean).join(" ");
}
