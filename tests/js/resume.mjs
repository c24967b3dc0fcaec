// Comes back to a run with a real client, on another server than the one it began with.
//
//   node resume.mjs CLIENT BEGIN_URL RESUME_URL      prints what each page shows, as one line of JSON
//
// CLIENT is "ag_ui", "langgraph", or a package of the AI SDK by its name here. "first" is the page that
// asked; "again" is the same chat reloaded while the answer still came; "after" once it was over.

const [, , client, beginUrl, resumeUrl] = process.argv;
const log = console.log;
console.log = console.info = console.warn = console.error;

const until = async (holds) => {
  while (!holds()) await new Promise((go) => setTimeout(go, 5));
};

async function aiSdk() {
  const { AbstractChat, DefaultChatTransport } = await import(client);
  class Chat extends AbstractChat {}
  const opened = () => {
    const state = {
      messages: [],
      status: "ready",
      error: undefined,
      pushMessage: (message) => (state.messages = [...state.messages, message]),
      popMessage: () => (state.messages = state.messages.slice(0, -1)),
      replaceMessage: (at, message) => (state.messages = state.messages.with(at, message)),
      snapshot: (value) => structuredClone(value),
    };
    const transport = new DefaultChatTransport({
      api: beginUrl,
      prepareReconnectToStreamRequest: () => ({ api: resumeUrl }),
    });
    return new Chat({ id: "chat", transport, state });
  };
  const shown = (chat) => {
    const answer = chat.messages.find((it) => it.role === "assistant");
    const text = answer?.parts.find((it) => it.type === "text");
    return { text: text?.text ?? "", state: text?.state, status: chat.status, error: chat.error?.message };
  };
  const first = opened();
  const asking = first.sendMessage({ text: "Count" });
  await until(() => shown(first).text.length > 20);
  const again = opened();
  await Promise.all([asking, again.resumeStream()]);
  const after = opened();
  await after.resumeStream();
  return { first: shown(first), again: shown(again), after: shown(after) };
}

async function agUi() {
  const { HttpAgent } = await import("@ag-ui/client");
  const opened = (url, fetch) => new HttpAgent({ url, threadId: "t1", fetch });
  const shown = (agent) => ({ text: agent.messages.map((it) => it.content).join("") });
  const first = opened(beginUrl);
  const asking = first.runAgent({ runId: "r1" });
  await until(() => shown(first).text.length > 20);
  const again = opened(resumeUrl, (url) => fetch(url));
  await Promise.all([asking, again.runAgent({ runId: "r1" })]);
  const { status } = await fetch(resumeUrl);
  return { first: shown(first), again: shown(again), after: { status } };
}

async function langgraph() {
  const { Client } = await import("@langchain/langgraph-sdk");
  const sent = [];
  const to = (url) => (_, init) => {
    sent.push(new Headers(init.headers).get("last-event-id"));
    return fetch(url, { method: url === beginUrl ? "POST" : "GET", headers: init.headers });
  };
  const opened = (url) =>
    new Client({ apiUrl: "http://graph.test", apiKey: null, callerOptions: { fetch: to(url), maxRetries: 0 } });
  const read = async (stream, page, enough = Infinity) => {
    for await (const { id, event, data } of stream) {
      page.last = id ?? page.last;
      if (event.startsWith("messages") && typeof data[0].content === "string") page.text += data[0].content;
      if (page.text.length > enough) break;
      page.end = event;
    }
    return page;
  };
  const page = (text = "") => ({ text });
  const first = await read(opened(beginUrl).runs.stream("t1", "agent", {}), page(), 20);
  const join = (lastEventId) => opened(resumeUrl).runs.joinStream("t1", "r1", { lastEventId });
  const [cut, again] = await Promise.all([
    read(join(first.last), page(first.text)),
    read(join("-1"), page()),
  ]);
  const { status } = await fetch(resumeUrl);
  return { first: cut, again, after: { status }, sent };
}

const run = { ag_ui: agUi, langgraph }[client] ?? aiSdk;
log(JSON.stringify(await run()));
process.exit(0);
