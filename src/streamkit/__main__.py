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
from contextlib import contextmanager
from importlib import metadata
from typing import NoReturn

from typing_extensions import override

from ._cli.demo import add_demo
from .errors import UsageError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

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
    add_demo(commands.add_parser("demo", help="run a small graph and watch its events"))
    _add_schema(commands.add_parser("schema", help="print the events' types for other programs"))
    return parser


def _help(_arguments: argparse.Namespace) -> int:
    _parser().print_help()
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
