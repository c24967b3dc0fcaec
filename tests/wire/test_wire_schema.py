"""The schema for others: true of everything that is written, current, and right for TypeScript."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import Phase, find, given, settings

from random_events import EVENTS, events_of
from streamkit import Event
from streamkit.__main__ import main
from streamkit.wire import to_dict
from streamkit.wire.schema import json_schema, typescript

DOCS = Path(__file__).parents[2] / "docs"
VALIDATOR = jsonschema.Draft202012Validator(json_schema())
TSC = Path(__file__).parents[1] / "js" / "node_modules" / ".bin" / "tsc"


@pytest.mark.parametrize(
    ("form", "page"), [("--json", "schema.json"), ("--typescript", "schema.d.ts")]
)
def test_what_is_checked_in_is_current(form, page, capsys):
    assert main(["schema", form]) == 0
    assert capsys.readouterr().out == (DOCS / page).read_text(), (
        f"run: streamkit schema {form} > docs/{page}"
    )


def test_one_form_at_a_time(capsys):
    for arguments in ([], ["--json", "--typescript"]):
        with pytest.raises(SystemExit) as caught:
            main(["schema", *arguments])
        assert caught.value.code == 2
    assert "--json" in capsys.readouterr().err


# --- JSON Schema


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_what_may_stay_in_the_process_is_not_required():
    kinds = json_schema()["$defs"]
    assert kinds["TextDelta"]["required"] == ["type", "timestamp", "message_id", "block_id", "text"]
    assert not {"exception", "message"} & {*kinds["ErrorInfo"]["required"]}


@given(EVENTS)
def test_every_event_that_is_written_fits(event):
    for private in (False, True):
        VALIDATOR.validate(to_dict(event, private=private))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"type": "text.delta"},
        {"type": "poem.start", "timestamp": 0.5},
        {"type": "run.start", "timestamp": None},
        {"type": "run.end", "timestamp": 0.5, "status": "so-so"},
        {"type": "run.end", "timestamp": 0.5, "status": "completed", "usage": {}},
    ],
)
def test_what_is_no_event_does_not_fit(wrong):
    assert not VALIDATOR.is_valid(wrong)


def test_every_field_says_what_it_means():
    for name, definition in json_schema()["$defs"].items():
        assert definition["description"], name
        for field, schema in definition["properties"].items():
            assert field == "type" or schema["description"], f"{name}.{field}"


# --- TypeScript

READER = """
import type { EventType, StreamEvent } from "./schema";

export function read(event: StreamEvent): string {
  const type: EventType = event.type;
  switch (event.type) {
    case "text.delta":
      return event.text;
    case "tool_call.end":
      return event.error ?? JSON.stringify(event.args);
    case "run.end": {
      const total: number = event.usage?.total_tokens ?? 0;
      // @ts-expect-error: no such status
      if (event.status === "so-so") return "";
      return `${event.status} ${total} ${event.origin?.tags?.join()}`;
    }
    case "custom":
      // @ts-expect-error: a payload is unknown until somebody looks at it
      return event.data.text;
    // @ts-expect-error: no such event
    case "poem.start":
      return "";
    default:
      return type;
  }
}

// @ts-expect-error: the text is missing
export const broken: StreamEvent = { type: "text.delta", timestamp: 0.5, message_id: "m", block_id: 0 };
"""


def test_the_real_compiler_agrees(tmp_path):
    tsc = str(TSC) if TSC.exists() else shutil.which("tsc")
    if not tsc or not shutil.which("node"):
        pytest.skip("the TypeScript compiler is not installed; run: npm ci --prefix tests/js")
    (tmp_path / "schema.d.ts").write_text(typescript())
    (tmp_path / "reader.ts").write_text(READER + _every_event())
    run = subprocess.run(
        [tsc, "--strict", "--noEmit", "--exactOptionalPropertyTypes", "reader.ts"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stdout == ""
    assert run.returncode == 0


def _every_event() -> str:
    """One real value for each event, which the compiler has to accept."""
    values = [to_dict(_sample(cls), private=True) for cls in get_args(Event)]
    return f"export const all: StreamEvent[] = {json.dumps(values)};\n"


def _sample(cls: Any) -> Any:
    first = settings(database=None, phases=[Phase.generate])
    return find(events_of(cls), lambda _: True, settings=first)
