"""The command line: ``streamkit`` or ``python -m streamkit``.

    streamkit demo                      watch the demo graph, live
    streamkit demo --api messages       the same run through another API
    streamkit demo --format lines       every event, one per line
    streamkit schema --typescript       the events' types, for another program
    streamkit --version

Exit codes: 0 if all went well, 1 if the run or the check failed, 2 for a wrong command line,
130 after Ctrl-C, 141 if nobody reads the output any more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from typing_extensions import override

from .errors import UsageError
from .events import Event, RunStart
from .terminal import TerminalView, Transcript

if TYPE_CHECKING:
    from types import TracebackType

    from langchain_core.language_models import BaseChatModel

    from .demo.run import Audience, Source

__all__ = ["APIS", "main"]

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
"""The APIs that the demo can be watched through."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code.

    >>> main(["demo", "--api", "magic"])
    Traceback (most recent call last):
    SystemExit: 2
    """
    arguments = _parser().parse_args(argv)
    try:
        with _silence():
            return int(arguments.command(arguments))
    except UsageError as error:
        print(f"streamkit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Python would flush what is left of the output when it exits, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


@contextmanager
def _silence() -> Generator[None]:
    """Keep upstream's warnings off the screen, unless ``python -W`` asks for them."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            # Not by a filter: upstream puts its own before it while it is imported.
            warnings.showwarning = _ignore
        yield


def _ignore(*_warning: object, **_where: object) -> None:
    """Show no warning."""


# --- the command line


class _Parser(argparse.ArgumentParser):
    @override
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="streamkit", description="Every LangChain stream as one event schema.")
    parser.add_argument("--version", action="store_const", dest="command", const=_version)
    parser.set_defaults(command=_help)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="run a small graph and watch its events"))
    _add_schema(commands.add_parser("schema", help="print the events' types for other programs"))
    return parser


def _help(_arguments: argparse.Namespace) -> int:
    _parser().print_help()
    return 0


def _add_demo(demo: argparse.ArgumentParser) -> None:
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


def _add_schema(schema: argparse.ArgumentParser) -> None:
    schema.description = "Print what events look like as JSON, for other programs and languages."
    schema.set_defaults(command=_schema)
    forms = schema.add_mutually_exclusive_group(required=True)
    forms.add_argument("--json", action="store_true", help="as JSON Schema")
    forms.add_argument("--typescript", action="store_true", help="as declarations for TypeScript")


def _schema(arguments: argparse.Namespace) -> int:
    from .wire.schema import json_schema, typescript  # noqa: PLC0415  (not for the demo)

    schema = json.dumps(json_schema(), indent=2) + "\n" if arguments.json else typescript()
    print(schema, end="")
    return 0


def _version(_arguments: argparse.Namespace) -> int:
    ours, *others = map(_version_of, ("langchain-streamkit", "langchain-core", "langgraph"))
    print(f"streamkit {ours} (langchain-core {others[0]}, langgraph {others[1]})")
    return 0


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


# --- streamkit demo


def _demo(arguments: argparse.Namespace) -> int:
    if not find_spec("langgraph"):
        raise UsageError("the demo needs langgraph; pip install 'langchain-streamkit[demo]'")
    # It is set up first: a missing package or key is all there is to say then.
    model = _model(arguments.model) if arguments.model else None
    with _SHOWS[arguments.format](arguments) as show:
        audience = _Checker(show) if arguments.check else show
        failed = _play(arguments, audience, model)
    passed = not isinstance(audience, _Checker) or audience.report()
    return 1 if failed or not passed else 0


def _model(name: str) -> BaseChatModel:
    from .demo.run import load_model  # noqa: PLC0415  (it takes seconds to import)

    return load_model(name)


def _play(arguments: argparse.Namespace, audience: Audience, model: BaseChatModel | None) -> bool:
    """Play the demo to the audience, and tell whether it failed."""
    from .demo._graph import build_graph  # noqa: PLC0415  (as above)
    from .demo.run import Play  # noqa: PLC0415

    graph = build_graph(model, pace=0 if arguments.fast else _PACE)
    play = Play(graph, APIS[arguments.api].start, audience)
    play.perform()
    return play.failed


class _Text(TerminalView):
    """Events for a person to watch."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(color=False if arguments.no_color else None)
        self.note(str(APIS[arguments.api]))

    def request(self, text: str) -> None:
        self.note(text, label="you")

    def answer(self, value: object, unseen: str | None) -> None:
        if unseen:
            self.note(f"The graph waits at {unseen!r}, which this API does not tell.")
        self.note(f"resumed with {json.dumps(value)}", label="you")


class _Lines(AbstractContextManager[Any, None]):
    """Events as lines, and nothing else."""

    def __init__(self, _arguments: argparse.Namespace) -> None:
        self._transcript = Transcript()

    def feed(self, event: Event) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        line = self._transcript.line(event).encode(encoding, "backslashreplace")
        print(line.decode(encoding), flush=True)

    def request(self, text: str) -> None:
        """Say nothing: it is no event."""

    def answer(self, value: object, unseen: str | None) -> None:
        """Say nothing: it is no event."""

    @override
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""


class _Json(_Lines):
    """Events as JSON, for another program."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from .wire import ndjson  # noqa: PLC0415  (not for the other formats)

        super().__init__(arguments)
        self._encode = ndjson.encode

    @override
    def feed(self, event: Event) -> None:
        sys.stdout.buffer.write(self._encode(event))
        sys.stdout.buffer.flush()


_SHOWS: dict[str, type[_Text | _Lines]] = {"text": _Text, "lines": _Lines, "ndjson": _Json}


class _Checker:
    """Passes everything on, and checks the grammar of every stream afterwards."""

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
        """Say on the standard error whether the grammar was kept."""
        from .testing import check_stream  # noqa: PLC0415  (not without --check)

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


if __name__ == "__main__":
    sys.exit(main())
