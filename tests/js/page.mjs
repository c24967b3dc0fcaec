// A page with a real client in a browser: bundled by esbuild, served by `workers.py`.
//
// The address has `wire`, `name` and `pace`. The page resumes the answer that is going on in its chat;
// `ask()` begins one, `stop()` stops it. `shown` is what its user sees.

import * as ai5 from "ai5";
import * as ai7 from "ai7";
import { HttpAgent } from "@ag-ui/client";
import { Client } from "@langchain/langgraph-sdk";

const asked = new URL(location).searchParams;
const chat = asked.get("name");
const to = (path) => `${location.origin}${path}${location.search}`;
const begin = to("/ask");
const resume = to(`/chats/${chat}/stream`);
const soon = () => new Promise((go) => setTimeout(go, 50));

const shown = (window.shown = { text: "", status: "ready", cuts: 0 });

// These two clients have no answer for 204, which says that nothing is going on.
const running = async (url, init) => {
  const response = await fetch(url, init);
  if (response.status === 204) shown.status = "ready";
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  return response;
};

const clients = {
  // EventSource reconnects by itself, with the id of the last frame that it read.
  sse() {
    const read = (url) => {
      const source = new EventSource(url);
      source.onerror = () => (shown.cuts += 1);
      source.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        shown.status = event.type === "run.end" ? event.status : "streaming";
        if (event.type === "text.delta") shown.text += event.text;
        if (event.type === "run.end") source.close();
      };
    };
    return {
      ask: async () => read(to(`/runs/${await (await fetch(to("/runs"), { method: "POST" })).json()}`)),
      resume: async () => read(resume),
    };
  },

  // A chat that lost its stream drops the half of the answer that it has: resuming sends all of it,
  // and versions before 7 append that to the half.
  ai_sdk() {
    const { AbstractChat, DefaultChatTransport } = { ai5, ai7 }[asked.get("package") ?? "ai7"];
    const state = {
      messages: [],
      status: "ready",
      error: undefined,
      pushMessage: (message) => (state.messages = [...state.messages, message]),
      popMessage: () => (state.messages = state.messages.slice(0, -1)),
      replaceMessage: (at, message) => (state.messages = state.messages.with(at, message)),
      snapshot: (value) => structuredClone(value),
    };
    class Chat extends AbstractChat {}
    const prepareReconnectToStreamRequest = () => ({ api: resume });
    const transport = new DefaultChatTransport({ api: begin, prepareReconnectToStreamRequest });
    const onFinish = ({ isDisconnect }) => isDisconnect && setTimeout(goOn, 50);
    const it = new Chat({ id: chat, transport, state, onFinish });
    const goOn = () => {
      shown.cuts += 1;
      it.messages = it.messages.filter((message) => message.role !== "assistant");
      it.resumeStream();
    };
    setInterval(() => {
      const parts = state.messages.findLast((message) => message.role === "assistant")?.parts ?? [];
      shown.text = parts.map((part) => part.text ?? "").join("");
      const isCut = it.status === "error" && it.error.message !== "incomplete";
      shown.status = isCut ? "streaming" : (it.error?.message ?? it.status);
    }, 5);
    return { ask: () => it.sendMessage({ text: "Count" }), resume: () => it.resumeStream() };
  },

  ag_ui() {
    const read = async (url, method) => {
      const fetched = (_, { signal }) => running(url, { method, signal });
      const agent = new HttpAgent({ url, threadId: chat, fetch: fetched });
      const look = () => (shown.text = agent.messages.map((message) => message.content).join(""));
      agent.subscribe({
        onMessagesChanged: look,
        onTextMessageContentEvent: () => void setTimeout(look),
        onRunErrorEvent: ({ event }) => void (shown.status = event.code ?? event.message),
        onRunFinishedEvent: () => void (shown.status = "completed"),
      });
      shown.status = "streaming";
      await agent.runAgent({ runId: "r1" }).catch(() => {});
      if (shown.status !== "streaming") return;
      shown.cuts += 1;
      await soon();
      await read(resume, "GET");
    };
    return { ask: () => read(begin, "POST"), resume: () => read(resume, "GET") };
  },

  langgraph_sse() {
    let last;
    const read = async (url, method) => {
      const fetched = (_, { headers, signal }) => running(url, { method, headers, signal });
      const client = new Client({ apiUrl: location.origin, apiKey: null, callerOptions: { fetch: fetched, maxRetries: 0 } });
      shown.status = "streaming";
      try {
        const stream = last || method === "GET"
          ? client.runs.joinStream(chat, "r1", { lastEventId: last ?? "-1" })
          : client.runs.stream(chat, "agent", {});
        for await (const { id, event, data } of stream) {
          last = id ?? last;
          if (event.startsWith("messages") && typeof data[0].content === "string") shown.text += data[0].content;
          if (event === "end") shown.status = data.status;
          if (event === "error") shown.status = data.error;
        }
      } catch {}
      if (shown.status !== "streaming") return;
      shown.cuts += 1;
      await soon();
      await read(resume, "GET");
    };
    return { ask: () => read(begin, "POST"), resume: () => read(resume, "GET") };
  },
};

const client = clients[asked.get("wire")]();
const loaded = client.resume();
window.ask = () => void loaded.then(client.ask);
window.stop = () => fetch(to(`/chats/${chat}`), { method: "DELETE" });
