// The panel's words, in the language of the page.

export const language = document.documentElement.lang;
const words = await (await fetch(`texts/${language}.json`)).json();
const plural = new Intl.PluralRules(language);

/** Return a text, with `{name}` replaced by values. */
export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** Return a text for a number: `key.one` or `key.other`, with `{n}` replaced by it. */
export function counted(key, n, values = {}) {
  const form = plural.select(n) === "one" ? "one" : "other";
  return t(`${key}.${form}`, { n: n.toLocaleString(language), ...values });
}
