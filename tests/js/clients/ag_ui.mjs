// What an AG-UI agent holds after its runs: its messages, its state, and what it told on the way.
// options: `package`, by its name here; `messages` to begin with, and `then`, the parameters of each run
// after the first. `messages` among those are a function body that makes the agent's new messages of its old.

export default async function read({ fetch, options }) {
  const { package: name = "@ag-ui/client", messages = [{ id: "u1", role: "user", content: "Hi" }], then = [] } = options;
  const { HttpAgent } = await import(name);
  const seen = { custom: [], steps: [], subagents: [], ends: [], errors: [], warnings: [] };
  const agent = new HttpAgent({
    url: "http://agent.test/",
    threadId: "t1",
    initialMessages: messages,
    fetch,
  });
  agent.subscribe({
    onCustomEvent: ({ event }) => { seen.custom.push([event.name, event.value]); },
    onStepStartedEvent: ({ event }) => { seen.steps.push(["start", event.stepName]); },
    onStepFinishedEvent: ({ event }) => { seen.steps.push(["end", event.stepName]); },
    onSubagentStartedEvent: ({ event }) => { seen.subagents.push(event); },
    onSubagentFinishedEvent: ({ event }) => { seen.subagents.push(event); },
    onSubagentErrorEvent: ({ event }) => { seen.subagents.push(event); },
    onRunFinishedEvent: ({ event, outcome, pendingToolCallIds }) => {
      seen.ends.push({ outcome, usage: event.usage, result: event.result, pendingToolCallIds });
    },
    onRunErrorEvent: ({ event }) => { seen.ends.push({ outcome: "error", ...event }); },
  });
  const { warn } = console;
  console.warn = (...words) => seen.warnings.push(words.join(" "));
  try {
    for (const [at, { messages: change, ...run }] of [{}, ...then].entries()) {
      if (change) agent.setMessages(new Function("old", change)(agent.messages));
      await agent.runAgent({ runId: `r${at + 1}`, ...run }).catch((error) => {
        seen.errors.push(error.message);
      });
    }
  } finally {
    console.warn = warn;
  }
  return {
    all: agent.messages,
    messages: agent.messages.slice(messages.length),
    state: agent.state,
    interrupts: agent.pendingInterrupts,
    ...seen,
  };
}
