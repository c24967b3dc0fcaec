"""A dialect of an application: the events of the Acme agent server.

{"acme": "say", "message": "m1", "text": "Hel"}
{"acme": "said", "message": "m1"}
{"acme": "call", "id": "c1", "tool": "weather", "args": {"city": "Paris"}}
{"acme": "result", "id": "c1", "value": "sunny"}
{"acme": "progress", "done": 3, "of": 4}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streamkit import Custom, MalformedItem, Origin
from streamkit.dialects import Reader
from streamkit.mapping import typed_payloads

__all__ = ["AcmeReader", "Progress", "typed"]

HERE = Origin(name="acme")


@dataclass
class Progress:
    done: int
    of: int


typed = typed_payloads({"progress": Progress})


class AcmeReader(Reader):
    @staticmethod
    def detect(raw: Any) -> bool:
        return isinstance(raw, dict) and "acme" in raw

    def read(self, raw: Any) -> None:
        assembly = self.assembly
        assembly.start_run(HERE)
        match raw:
            case {"acme": "say", "message": id, "text": text}:
                message = assembly.message(id) or assembly.start_message(id, HERE, id)
                message.text(text)
            case {"acme": "said", "message": id}:
                assembly.end_message(id)
            case {"acme": "call", "id": id, "tool": name, "args": args}:
                assembly.start_tool(id, HERE, id, name, args)
            case {"acme": "result", "id": id, "value": value}:
                assembly.end_tool(id, value)
            case {"acme": "progress", **data}:
                assembly.show(Custom, HERE, name="progress", data=data)
            case _:
                raise MalformedItem(f"no Acme event looks like {raw!r:.100}", raw)
