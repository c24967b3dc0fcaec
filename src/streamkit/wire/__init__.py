"""Events as bytes: for a browser (`sse`), a program (`ndjson`) or a chat window (`chat`).

And for other people's frontends, each a module that you import: `ai_sdk`, `ag_ui`,
`agent_protocol`, `langgraph_sse`, `openai_chunks` and `openai_responses`.

>>> from streamkit import normalize
>>> frames = normalize(["Hel", "lo"]).pipe(sse.encoder())
>>> events = ndjson.Decoder().feed(b"".join(normalize(["Hel", "lo"]).pipe(ndjson.encoder())))
>>> events[-1].type
'run.end'
"""

from . import chat, ndjson, sse
from ._codec import from_dict, to_dict
from ._plain_json import dumps, jsonable
from .chat import chat_lines

__all__ = ["chat", "chat_lines", "dumps", "from_dict", "jsonable", "ndjson", "sse", "to_dict"]
