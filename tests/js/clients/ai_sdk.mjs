// What useChat shows: the chat class under every AI SDK hook, over the real transport.
// options: `package`, by its name here; `messages` to begin with; `said`, the user's first message, or
// null for none; `then`, what the user does after the answer, as [method, ...arguments], such as ["addToolApprovalResponse", {...}]; and when to send by
// itself: `auto`, the name of the package's own function, or `page`, code that calls useChat(options).
// `transport` is code that makes a DefaultChatTransport, whose options are used.

class State {
  constructor(messages) {
    this.messages = messages;
    this.status = "ready";
    this.error = undefined;
  }
  pushMessage = (message) => (this.messages = [...this.messages, message]);
  popMessage = () => (this.messages = this.messages.slice(0, -1));
  replaceMessage = (at, message) => (this.messages = this.messages.with(at, message));
  snapshot = (value) => structuredClone(value);
}

export default async function read({ fetch, options }) {
  const { package: name, messages = [], said = { text: "Hi" }, then = [], auto, page = "" } = options;
  const { AbstractChat, DefaultChatTransport, [auto]: named } = await import(name);
  let sendAutomaticallyWhen = named;
  new Function("useChat", page)((given) => { sendAutomaticallyWhen = given.sendAutomaticallyWhen; });
  let how = {};
  class Options {
    constructor(given) { how = given; }
  }
  new Function("DefaultChatTransport", options.transport ?? "")(Options);
  const seen = { data: [], toolCalls: [], finishes: [] };
  class Chat extends AbstractChat {}
  const chat = new Chat({
    id: "chat",
    generateId: (() => { let n = 0; return () => `generated-${n++}`; })(),
    transport: new DefaultChatTransport({ ...how, api: "http://chat.test/", fetch }),
    state: new State(messages),
    sendAutomaticallyWhen,
    onData: (part) => seen.data.push(part),
    onToolCall: ({ toolCall }) => { seen.toolCalls.push(toolCall); },
    onFinish: ({ isAbort, isError, isDisconnect, finishReason }) =>
      seen.finishes.push({ isAbort, isError, isDisconnect, finishReason }),
  });
  if (said) await chat.sendMessage(said);
  for (const [method, ...args] of then) await chat[method](...args.map((it) => it ?? undefined));
  while (chat.status !== "ready" && chat.status !== "error") await new Promise((go) => setTimeout(go));
  return { messages: chat.messages, status: chat.status, error: chat.error?.message, ...seen };
}
