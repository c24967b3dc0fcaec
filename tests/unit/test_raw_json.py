"""Reading a raw recording runs no code of the file, whatever the file names."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import pytest

from streamkit._raw_json import from_json

CALLED = {"command": "raise SystemExit"}
CODE: dict[str, Any] = {
    "a function": {"$object": "os.system", "fields": CALLED},
    "a function of a known module": {"$object": "langgraph.types.interrupt", "fields": CALLED},
    "a name that is code": {"$object": "a.B:\n    raise SystemExit\nclass C", "fields": CALLED},
    "a field that is code": {"$object": "a.B", "fields": {"x=exit()": 1}},
    "a constructor": {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": CALLED},
    "a function of LangChain's": {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain_core", "messages", "convert_to_messages"],
        "kwargs": CALLED,
    },
    "a secret": {"lc": 1, "type": "secret", "id": ["HOME"]},
}


@pytest.mark.parametrize("name", CODE)
def test_what_a_file_names_is_only_data(name: str) -> None:
    read = from_json(CODE[name])
    fields = dataclasses.asdict(read) if dataclasses.is_dataclass(type(read)) else read
    assert fields in (CALLED, CODE[name], {"x=exit()": 1})
    assert os.environ["HOME"] not in str(read)
