"""The providers' wire formats, served over loopback to the real LangChain clients.

- `server` plays scripted HTTP replies and records the requests
- `clients` builds the real chat models against such a server
- `wire` writes server-sent events; `openai_chat`, `openai_responses` and `anthropic_messages`
  are the bodies, one function per feature
- `expected` reads a body's raw bytes, with no LangChain code in between; `google_genai`,
  `bedrock_converse`, `cohere_chat` and `openai_completions` do so for other formats
- `seen` reads the client's chunks, and `told` our events, into the same facts
- `bodies` is the table of it all: `CASES[name]` is a body, what it says and what the client sees
"""
