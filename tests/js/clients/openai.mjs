// What OpenAI's own client makes of chat-completion chunks: one completion, and what it does not add
// up itself, the deltas of a field that OpenAI has not.

import OpenAI from "openai";

export default async function read({ fetch }) {
  const client = new OpenAI({ apiKey: "none", baseURL: "http://chat.test/v1", fetch, maxRetries: 0 });
  const stream = client.chat.completions.stream({
    model: "m",
    messages: [{ role: "user", content: "Hi" }],
    stream_options: { include_usage: true },
  });
  const reasoning = [];
  stream.on("chunk", ({ choices }) => {
    for (const { delta } of choices) reasoning.push(delta.reasoning_content ?? "");
  });
  return { completion: await stream.finalChatCompletion(), reasoning: reasoning.join("") };
}
