// Reads streams with real clients. One line of JSON in, one line out:
//
//   {"client": "openai", "bodies": ["<base64>", ...], "options": {...}}
//   {"result": ..., "requests": [...]}   or   {"error": "..."}
//
// A client is a file in clients/ whose default export reads `{fetch, options}` to the end.
// `fetch` answers the first request with the first body, the second with the second, and so on.

import { createInterface } from "node:readline";

const SECONDS = 20;

for (const level of ["log", "info", "warn"]) {
  console[level] = console.error; // standard output is ours
}

function answering(bodies, { headers = {}, status = 200, cut = 0 }) {
  const requests = [];
  const left = bodies.map((body) => Buffer.from(body, "base64"));
  const fetch = async (url, init = {}) => {
    const body = init.body ? JSON.parse(init.body) : null;
    requests.push({ url: String(url), method: init.method ?? "GET", body });
    if (left.length === 0) throw new Error("a request too many");
    return new Response(pieces(left.shift(), cut), { status, headers });
  };
  return { fetch, requests };
}

function* slices(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function pieces(bytes, size) {
  return ReadableStream.from(size ? slices(bytes, size) : [bytes]);
}

function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${SECONDS} s`)), SECONDS * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function answer({ client, bodies, options }) {
  const { fetch, requests } = answering(bodies, options);
  try {
    const { default: read } = await import(`./clients/${client}.mjs`);
    return { result: await inTime(read({ fetch, options })), requests };
  } catch (error) {
    return { error: `${error?.name}: ${error?.message}`, requests };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
process.exit(0);
