// What happens in the app, as it happens; through restarts of the app, too.

import { ask } from "./ask.js";
import { find } from "./dom.js";
import { t } from "./texts.js";

const RETRY = 2000;

/**
 * Listen to events by name. `status` and `agents` come at once after each connection; `onback`
 * is called whenever the connection stands (again), to fetch what is not told by events.
 */
export function listen(handlers, onback = () => {}) {
  const banner = find("connection");
  let source;
  const connect = () => {
    source = new EventSource("api/events");
    source.onopen = () => {
      banner.hidden = true;
      banner.textContent = "";
      onback();
    };
    source.onerror = () => {
      // By itself it would give up after an answer such as 502.
      source.close();
      banner.hidden = false;
      banner.textContent = t("away");
      // An event source does not tell why it ended: who may not listen any more learns it so.
      ask("api/status").catch(() => {});
      setTimeout(connect, RETRY);
    };
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
    }
  };
  connect();
  // A page that is left must not hold one of the browser's few connections.
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
}
