// The panel's one page: status above, a conversation with an agent below.

const find = (id) => document.getElementById(id);
const conversation = find("conversation");
const form = find("say");
const text = find("text");
let conversationId = "";
let running = null;

/** Add a line to the conversation. What people and models write is never markup. */
function add(kind, content) {
  const line = document.createElement("li");
  line.className = kind;
  line.textContent = content;
  conversation.append(line);
  line.scrollIntoView({ block: "end" });
  return line;
}

/** Yield the server-sent events of a response as [name, data]. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((row) => [row.slice(0, row.indexOf(":")), row.slice(row.indexOf(":") + 1).trim()]),
      );
      if (fields.data) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

async function say(sentence) {
  running = new AbortController();
  find("hint").hidden = true;
  find("stop").hidden = false;
  find("send").disabled = true;
  add("mine", sentence);
  let reply = null;
  const actions = new Map();
  try {
    const response = await fetch(`api/agents/${encodeURIComponent(find("agent").value)}/converse`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text: sentence, conversation_id: conversationId }),
      signal: running.signal,
    });
    if (!response.ok) {
      const problem = await response.json().catch(() => null);
      add("error", problem?.error?.message ?? `The add-on answered with status ${response.status}.`);
      return;
    }
    for await (const [name, data] of events(response)) {
      if (name === "start") conversationId = data.conversation_id;
      else if (name === "tool_call") {
        const details = Object.entries(data.arguments).map(([key, value]) => `${key}: ${value}`);
        actions.set(data.id, add("action", `${data.name} — ${details.join(", ")} …`));
      } else if (name === "tool_result") {
        const line = actions.get(data.id);
        line.textContent = line.textContent.replace(/…$/, data.ok ? "✓" : `✗ ${data.result.reason ?? ""}`);
      } else if (name === "delta") {
        reply ??= add("theirs", "");
        reply.textContent += data.content;
      } else if (name === "error") add("error", data.message);
    }
  } catch (problem) {
    if (problem.name === "AbortError") add("error", "Stopped.");
    else {
      add("error", "The connection was lost. Your sentence is still in the field.");
      text.value ||= sentence;
    }
  } finally {
    running = null;
    find("stop").hidden = true;
    find("send").disabled = false;
    text.focus();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const sentence = text.value.trim();
  if (!sentence || running) return;
  text.value = "";
  say(sentence);
});
find("stop").addEventListener("click", () => running?.abort());

/** Show how the parts are, again and again; a restart of the add-on only shows as a pause. */
async function watch() {
  const list = find("status");
  try {
    const response = await fetch("api/status");
    const status = await response.json();
    list.replaceChildren(
      ...["engine", "models", "home", "agents"].map((part) => {
        const line = document.createElement("li");
        line.dataset.state = status[part].state;
        line.textContent = status[part].message;
        return line;
      }),
      ...status.problems.map((problem) => {
        const line = document.createElement("li");
        line.dataset.state = "degraded";
        line.textContent = problem;
        return line;
      }),
    );
  } catch {
    const line = document.createElement("li");
    line.dataset.state = "down";
    line.textContent = "The add-on does not answer; trying again.";
    list.replaceChildren(line);
  }
  setTimeout(watch, 3000);
}
watch();
