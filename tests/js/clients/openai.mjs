// What OpenAI's own client makes of chat-completion chunks: one completion, and its text as it came.

import OpenAI from "openai";

export default async function read({ fetch }) {
  const client = new OpenAI({ apiKey: "none", baseURL: "http://chat.test/v1", fetch, maxRetries: 0 });
  const stream = client.chat.completions.stream({
    model: "m",
    messages: [{ role: "user", content: "Hi" }],
    stream_options: { include_usage: true },
  });
  const texts = [];
  stream.on("content", (delta) => texts.push(delta));
  return { completion: await stream.finalChatCompletion(), texts };
}
