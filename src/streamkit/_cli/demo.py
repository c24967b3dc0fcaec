"""``streamkit demo``: a small graph, run to its question and on, through any of its APIs."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from .._extras import require
from ..events import Event, RunStart
from ..transcript import Transcript

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ..demo.run import Audience, Source

_PACE = 0.03  # seconds between two tokens of the scripted model


class Api(NamedTuple):
    """A way to stream a graph: a method of it and that method's options."""

    method: str
    options: dict[str, Any]

    def start(self, graph: Any, given: Any, config: Any) -> Source:
        """Start a stream of ``graph``."""
        source: Source = getattr(graph, self.method)(given, config, **self.options)
        return source

    @override
    def __str__(self) -> str:
        options = ", ".join(f"{name}={_code(value)}" for name, value in self.options.items())
        return f"graph.{self.method}(..., {options})"


def _code(value: object) -> str:
    return str(value) if isinstance(value, bool) else json.dumps(value)


_EVENTS = {"stream_mode": ["updates", "custom"]}  # or the stream writer's data is left out
_MESSAGES = {"stream_mode": "messages", "subgraphs": True}
_MODES = {"stream_mode": ["updates", "messages", "custom"], "subgraphs": True}

APIS: dict[str, Api] = {
    "events": Api("astream_events", {"version": "v2", **_EVENTS}),
    "events-v1": Api("astream_events", {"version": "v1", **_EVENTS}),
    "messages": Api("astream", _MESSAGES),
    "messages-sync": Api("stream", _MESSAGES),
    "modes": Api("astream", _MODES),
    "modes-sync": Api("stream", _MODES),
}
"""The APIs that the demo can stream with."""


def add_demo(demo: argparse.ArgumentParser) -> None:
    """Add the options of ``streamkit demo``."""
    apis = "\n".join(f"  {name:<14} {api}" for name, api in APIS.items())
    demo.formatter_class = argparse.RawDescriptionHelpFormatter
    demo.description = "Run the demo graph to its question, answer it, and show all events live."
    demo.epilog = f"the APIs:\n{apis}"
    demo.set_defaults(command=_demo)
    demo.add_argument("--api", choices=APIS, default="events", help="how to stream the graph")
    demo.add_argument("--format", choices=_SHOWS, default="text", help="how to show the events")
    demo.add_argument("--fast", action="store_true", help="do not wait between tokens")
    demo.add_argument("--model", metavar="PROVIDER:NAME", help="let a real model speak")
    demo.add_argument("--check", action="store_true", help="check the events' grammar as well")
    demo.add_argument("--no-color", action="store_true", help="show text without colours")


def _demo(arguments: argparse.Namespace) -> int:
    require("demo", "the demo")
    # Before anything is shown: a missing package or key is then the only output.
    model = _model(arguments.model) if arguments.model else None
    with _SHOWS[arguments.format](arguments) as show:
        audience = _Checker(show) if arguments.check else show
        failed = _play(arguments, audience, model)
    passed = not isinstance(audience, _Checker) or audience.report()
    return 1 if failed or not passed else 0


def _model(name: str) -> BaseChatModel:
    from ..demo.run import load_model  # noqa: PLC0415  (it takes seconds to import)

    return load_model(name)


def _play(arguments: argparse.Namespace, audience: Audience, model: BaseChatModel | None) -> bool:
    """Run the demo for the audience, and return whether it failed."""
    from ..demo._graph import build_graph  # noqa: PLC0415  (as above)
    from ..demo.run import Play  # noqa: PLC0415

    graph = build_graph(model, pace=0 if arguments.fast else _PACE)
    play = Play(graph, APIS[arguments.api].start, audience)
    play.perform()
    return play.failed


class _Text(AbstractContextManager["_Text", None]):
    """Events for a person to watch."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from ..terminal import TerminalView  # noqa: PLC0415  (rich is an extra)

        self._view = TerminalView(color=False if arguments.no_color else None)
        self.feed = self._view.feed
        self._view.note(str(APIS[arguments.api]))

    def request(self, text: str) -> None:
        self._view.note(text, label="you")

    def answer(self, value: object, unseen: str | None) -> None:
        if unseen:
            self._view.note(f"The graph waits at {unseen!r}, which this API does not report.")
        self._view.note(f"resumed with {json.dumps(value)}", label="you")

    @override
    def __exit__(self, *exc: object) -> None:
        self._view.__exit__(*exc)


class _Lines(AbstractContextManager[Any, None]):
    """Events as plain lines."""

    def __init__(self, _arguments: argparse.Namespace) -> None:
        self._transcript = Transcript()

    def feed(self, event: Event) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        line = self._transcript.line(event).encode(encoding, "backslashreplace")
        print(line.decode(encoding), flush=True)

    def request(self, text: str) -> None:
        """Do nothing: it is no event."""

    def answer(self, value: object, unseen: str | None) -> None:
        """Do nothing: it is no event."""

    @override
    def __exit__(self, *exc: object) -> None:
        """Do nothing: each line is written at once."""


class _Json(_Lines):
    """Events as JSON, for another program."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from ..wire import ndjson  # noqa: PLC0415  (not for the other formats)

        super().__init__(arguments)
        self._encode = ndjson.encode

    @override
    def feed(self, event: Event) -> None:
        sys.stdout.buffer.write(self._encode(event))
        sys.stdout.buffer.flush()


_SHOWS: dict[str, type[_Text | _Lines]] = {"text": _Text, "lines": _Lines, "ndjson": _Json}


class _Checker:
    """A recorder of every stream, which checks their grammar afterwards."""

    def __init__(self, audience: Audience) -> None:
        self.request, self.answer = audience.request, audience.answer
        self._audience = audience
        self._streams: list[list[Event]] = []

    def feed(self, event: Event) -> None:
        if isinstance(event, RunStart):
            self._streams.append([])
        self._streams[-1].append(event)
        self._audience.feed(event)

    def report(self) -> bool:
        """Report on the standard error whether the events keep the grammar."""
        from ..testing import check_stream  # noqa: PLC0415  (not without --check)

        try:
            for stream in self._streams:
                check_stream(stream)
        except AssertionError as error:
            print(f"streamkit: check failed: {error}", file=sys.stderr)
            return False
        events, streams = sum(map(len, self._streams)), len(self._streams)
        total = f"{events} events in {streams} stream{'s' * (streams != 1)}"
        print(f"check passed: {total}", file=sys.stderr)
        return True
