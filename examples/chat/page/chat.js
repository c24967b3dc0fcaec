// The chat: threads, questions and runs. A thread's id is in the page's address, so that a reload,
// and a second tab, open the same conversation, and join the run that is going on.

import { make, newId } from "./text.js";
import { View, summary } from "./view.js";

const find = (id) => document.getElementById(id);
const [log, text, send, link, announce] = ["log", "text", "send", "link", "announce"].map(find);
const view = new View(log, announce, { ask, answer });
const busy = make("div", "busy", "Working");
let thread = "";
let run = null; // that is going on

/** One run on the page, from its first event: the browser reconnects by itself. */
class Run {
  constructor(id) {
    this.id = id;
    this.began = performance.now();
    this.source = new EventSource(`runs/${id}`);
    this.source.onopen = () => lost("");
    this.source.onmessage = ({ data }) => this.read(JSON.parse(data));
    this.source.onerror = () => {
      lost("Connection lost. Reconnecting …");
      if (this.source.readyState === EventSource.CLOSED) this.end("failed", ["The connection is lost."]);
    };
  }

  read(event) {
    atBottom(() => {
      view.show(event);
      if (event.type === "run.end" || event.type === "run.error") {
        this.end(event.status ?? "failed", summary(event, (performance.now() - this.began) / 1000));
      } else {
        view.put(...[view.sources, busy].filter(Boolean)); // always last
      }
    });
  }

  end(status, lines) {
    this.leave();
    view.end(status, lines);
    if (status !== "completed" && status !== "interrupted") announce.textContent = lines.join(" ");
  }

  leave() {
    this.source.close();
    busy.remove();
    lost("");
    run = null;
    follow();
  }
}

/** Changes the page, and stays at its end if it was there. */
function atBottom(change) {
  const isAtBottom = innerHeight + scrollY > document.body.scrollHeight - 80;
  change();
  if (isAtBottom) scrollTo(0, document.body.scrollHeight);
}

function lost(words) {
  link.textContent = words;
  link.classList.toggle("lost", Boolean(words));
}

/** The button sends, or stops what is going on. */
function follow() {
  send.textContent = run ? "Stop" : "Send";
  send.classList.toggle("main", !run);
  send.setAttribute("aria-disabled", String(!run && !text.value.trim()));
  log.setAttribute("aria-busy", String(Boolean(run)));
}

async function call(path, given) {
  const options = given && {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(given),
  };
  const response = await fetch(path, options);
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.error ?? response.statusText), { status: response.status });
  return body;
}

function join(id) {
  run = new Run(id);
  view.put(busy);
  follow();
  scrollTo(0, document.body.scrollHeight);
}

/** Opens a thread as it is: what was said, what waits for an answer, and the run that goes on. */
async function open(id) {
  run?.leave();
  thread = id;
  let state;
  try {
    state = await call(`threads/${encodeURIComponent(id)}`);
  } catch (error) {
    return view.end("failed", [error.message]);
  }
  if (thread !== id) return; // another one was opened meanwhile
  view.clear();
  state.events.forEach((event) => view.show(event));
  announce.textContent = "";
  if (state.run) return join(state.run);
  state.interrupts.forEach((value) => view.interrupt({ value }));
  follow();
  scrollTo(0, document.body.scrollHeight);
}

/** A tab that is looked at again shows what others have done in the meantime. */
async function refresh() {
  if (document.hidden || run || log.querySelector(".editor")) return;
  const { events, run: id } = await call(`threads/${encodeURIComponent(thread)}`).catch(() => ({ events: [] }));
  const isNew = events.some((it) => it.type === "message.start" && !view.has(it.message_id));
  if (!run && (id || isNew)) open(thread);
}

async function begin(path, given) {
  try {
    const { run: id } = await call(`threads/${encodeURIComponent(thread)}/${path}`, given);
    join(id);
  } catch (error) {
    if (error.status === 409) return open(thread); // a run that another tab began
    view.end("failed", [error.message]);
    follow();
  }
}

function ask(id, words) {
  if (run) return;
  view.ask(id, words);
  text.focus();
  begin("questions", { id, text: words });
}

function answer(approved) {
  text.focus();
  begin("answers", { approved });
}

function stop() {
  fetch(`runs/${run.id}`, { method: "DELETE" }).catch(() => lost("The server cannot be reached."));
}

find("form").onsubmit = (event) => {
  event.preventDefault();
  const words = text.value.trim();
  if (run) return stop();
  if (!words) return;
  text.value = "";
  ask(newId(), words);
};
text.oninput = follow;
text.onkeydown = (event) => {
  if (event.key === "Escape" && run) stop();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!run) find("form").requestSubmit();
};
find("example").onclick = (event) => ask(newId(), event.target.textContent);
find("skip").onclick = (event) => {
  event.preventDefault(); // the address has the thread
  text.focus();
};
find("new").onclick = () => {
  location.hash = newId();
  text.focus();
};
window.onhashchange = () => open(location.hash.slice(1));
document.onvisibilitychange = refresh;
if (!location.hash) history.replaceState(null, "", `#${newId()}`);
open(location.hash.slice(1));
