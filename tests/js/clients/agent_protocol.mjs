// What `useStream` of @langchain/react holds: its controller over its own transport, without React.
// options: `state`, the thread's on the server before; `newest`, to use the newest SDK instead.

import { createRequire } from "node:module";

const ours = createRequire(import.meta.url);
const ofReact = createRequire(ours.resolve("@langchain/react"));

export default async function read({ fetch, options }) {
  const load = options.newest ? ours : ofReact;
  const { MessageAssembler, ProtocolSseTransportAdapter, ThreadStream } =
    load("@langchain/langgraph-sdk");
  const { StreamController, assembledMessageToBaseMessage } = load("@langchain/langgraph-sdk/stream");
  const body = new Uint8Array(await (await fetch("http://graph.test/")).arrayBuffer());

  const server = async (url, init) => {
    if (url.endsWith("/state")) {
      return Response.json(options.state ?? {}, { status: options.state ? 200 : 404 });
    }
    if (url.endsWith("/commands")) {
      const { id } = JSON.parse(init.body);
      return Response.json({ type: "success", id, result: { run_id: "r1" } });
    }
    const size = options.cut || body.length;
    const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, n) =>
      body.subarray(n * size, (n + 1) * size),
    );
    return new Response(ReadableStream.from(pieces));
  };
  const transport = new ProtocolSseTransportAdapter({
    apiUrl: "http://graph.test",
    threadId: "t1",
    fetch: server,
    maxReconnectAttempts: 0,
  });
  const threads = {
    stream: (_, { assistantId }) => new ThreadStream(transport, { assistantId }),
    getHistory: async () => [],
  };
  const controller = new StreamController({
    assistantId: "agent",
    client: { threads },
    threadId: "t1",
    transport,
    optimistic: false,
  });
  await controller.hydrationPromise;
  const submitting = controller.submit({});

  // Every message, at any depth: the hook has a subscription for each namespace.
  const assembler = new MessageAssembler();
  const roles = new Map();
  const assembled = new Map();
  controller.getThread().onEvent(() => {});
  for (const line of new TextDecoder().decode(body).split("\n")) {
    const event = line.startsWith("data: ") ? JSON.parse(line.slice(6)) : {};
    if (event.method !== "messages") continue;
    const { data } = event.params;
    if (data.event === "message-start") roles.set(data.id, data);
    const update = assembler.consume(event);
    if (!update) continue;
    const { role, tool_call_id: toolCallId } = roles.get(update.message.id);
    const message = assembledMessageToBaseMessage(update.message, role, { toolCallId });
    assembled.set(update.message.id, { ...plain(message), usage: update.message.usage });
  }

  await submitting;
  await new Promise((resolve) => setTimeout(resolve, 20)); // the store is written a little later
  const held = controller.rootStore.getSnapshot();
  await controller.dispose();
  const { messages: _, ...values } = held.values ?? {};
  return {
    messages: held.messages.map(plain),
    assembled: [...assembled.values()],
    values,
    interrupts: held.interrupts,
    calls: held.toolCalls.map((it) => [it.id, it.status, it.output, it.error ?? null]),
    subgraphs: [...controller.subgraphStore.getSnapshot().values()].map((it) => it.nodeName),
    error: held.error?.message ?? null,
    loading: held.isLoading,
  };
}

function plain(message) {
  const { id, content, tool_calls: calls = [], tool_call_id: call, status } = message;
  return { id, type: message.getType(), text: message.text, content, calls, call, status };
}
