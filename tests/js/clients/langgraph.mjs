// What `useStream` shows: the orchestrator under every framework's hook, over its own transport.
// options: `input` to begin with, null for none; `then`, the arguments of each `submit` after the first;
// and `values`, the state that the page was opened with.

import {
  CustomStreamOrchestrator,
  FetchStreamTransport,
  ensureMessageInstances,
  toMessageDict,
} from "@langchain/langgraph-sdk/ui";

export default async function read({ fetch, options }) {
  const { input = { messages: [{ type: "human", content: "Hi" }] }, then = [] } = options;
  const seen = { metadata: [], updates: [], custom: [], tools: [], tasks: [], warnings: [] };
  const within = (list) => (data, { namespace }) => list.push([namespace ?? [], data]);
  const hook = new CustomStreamOrchestrator({
    threadId: "t1",
    initialValues: options.values,
    toMessage: toMessageDict,
    transport: new FetchStreamTransport({ apiUrl: "http://graph.test/", fetch }),
    onMetadataEvent: (data) => seen.metadata.push(data),
    onUpdateEvent: within(seen.updates),
    onCustomEvent: within(seen.custom),
    onToolEvent: within(seen.tools),
    onTaskEvent: within(seen.tasks),
  });
  const { warn } = console;
  console.warn = (...words) => seen.warnings.push(words.join(" "));
  const interrupts = [];
  try {
    for (const submitted of input ? [[input], ...then] : then) {
      await hook.submit(...submitted);
      interrupts.push(hook.interrupts);
    }
  } finally {
    console.warn = warn;
  }
  return {
    messages: ensureMessageInstances(hook.values.messages ?? options.values?.messages ?? []).map(toMessageDict),
    metadataOfMessages: (hook.values.messages ?? []).map((it) => hook.getMessagesMetadata(it)),
    values: hook.values,
    interrupts,
    error: hook.error && { name: hook.error.name, message: hook.error.message },
    ...seen,
  };
}
