// What the SDK's client yields for a run: every part, with its id, event and data.
// options: `payload`, what the run is asked with.

import { Client } from "@langchain/langgraph-sdk";

export default async function read({ fetch, options }) {
  const client = new Client({
    apiUrl: "http://graph.test",
    apiKey: null,
    callerOptions: { fetch, maxRetries: 0 },
  });
  const parts = [];
  for await (const part of client.runs.stream("t1", "agent", options.payload ?? {})) {
    parts.push(part);
  }
  return parts;
}
