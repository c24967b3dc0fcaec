// What OpenAI's own client makes of chat-completion chunks: one completion, and what it does not add
// up itself, the deltas of a field that OpenAI has not.
// options: `whole`, for one JSON document instead; `api`, "responses" for the other protocol; `url`,
// of a server that answers instead of `fetch`.

import OpenAI from "openai";

export default async function read({ fetch, options }) {
  const { url, model = "m" } = options;
  const asked = { model, messages: [{ role: "user", content: "Hi" }] };
  const answering = url ? { baseURL: url } : { baseURL: "http://chat.test/v1", fetch };
  const client = new OpenAI({ apiKey: "none", maxRetries: 0, ...answering });
  if (options.api === "responses") return responses(client, model, options);
  if (options.whole) return { completion: await client.chat.completions.create(asked) };
  const stream = client.chat.completions.stream({
    ...asked,
    stream_options: { include_usage: true },
  });
  const reasoning = [];
  stream.on("chunk", ({ choices }) => {
    for (const { delta } of choices) reasoning.push(delta.reasoning_content ?? "");
  });
  return { completion: await stream.finalChatCompletion(), reasoning: reasoning.join("") };
}

// The response, its text, and the types of all events.
async function responses(client, model, { whole }) {
  const asked = { model, input: "Hi" };
  if (whole) {
    const response = await client.responses.create(asked);
    return { response, text: response.output_text };
  }
  const stream = client.responses.stream(asked);
  const types = [];
  for await (const { type } of stream) types.push(type);
  const response = await stream.finalResponse();
  return { response, text: response.output_text, types };
}
