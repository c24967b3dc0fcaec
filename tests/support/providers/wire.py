"""Server-sent events, written."""

from __future__ import annotations

import json
from typing import Any


def sse(event: str | None, data: Any) -> bytes:
    """One event: `data` is sent as JSON, in UTF-8 rather than in escapes, and a `str` as it is."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {text}\n\n".encode()


def join(*parts: bytes) -> bytes:
    return b"".join(parts)
