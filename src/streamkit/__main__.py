"""The command line: ``streamkit`` or ``python -m streamkit``.

    streamkit view run.jsonl            a recorded run as a tree, also while it grows
    streamkit replay run.jsonl          as it was, at its own pace
    streamkit convert run.jsonl --to sse    in another format
    streamkit check run.jsonl           its grammar, with the line that breaks it
    streamkit stats run.jsonl           times, tokens and costs
    streamkit html run.jsonl -o run.html    one page that shows it
    streamkit demo                      watch the demo graph, live
    streamkit schema --typescript       the events' types, for another program
    streamkit doctor                    versions, extras and streams

Exit codes: 0 if all went well, 1 if the run or the check failed or a line is no event, 2 for a
wrong command line or a file that cannot be read or written, 130 after Ctrl-C, 141 if nobody reads
the output any more.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from typing_extensions import override

from ._cli.demo import add_demo
from ._cli.doctor import add_doctor, version_of
from ._cli.files import add_file_commands
from ._printable import escape
from .errors import MalformedItem, UsageError

__all__ = ["main"]


_EPILOG = "examples:\n" + (__doc__ or "").partition("\n\n")[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    >>> main(["demo", "--api", "magic"])
    Traceback (most recent call last):
    SystemExit: 2
    """
    try:
        with _silence(), _printable_output():
            arguments = _parser().parse_args(argv)
            return int(arguments.command(arguments))
    except UsageError as error:
        print(f"streamkit: {error}", file=sys.stderr)
        return 2
    except MalformedItem as error:
        print(f"streamkit: {escape(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except OSError as error:  # what cannot be read is a `UsageError`
        _discard_output()
        print(f"streamkit: cannot write the output: {error.strerror or error}", file=sys.stderr)
        return 2


def _discard_output() -> None:
    # Python would flush what is left of the output when it exits, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _printable_output() -> Generator[None]:
    """Escape what the output's encoding lacks, such as a code page of Windows, and flush it."""
    with ExitStack() as stack:
        if sys.stdout is None:  # it was closed before the program began
            nowhere = stack.enter_context(Path(os.devnull).open("w"))
            stack.enter_context(redirect_stdout(nowhere))
        stdout: Any = sys.stdout
        if isinstance(stdout, TextIOWrapper):
            stack.callback(stdout.reconfigure, errors=stdout.errors)
            stdout.reconfigure(errors="backslashreplace")
        stack.callback(stdout.flush)
        yield


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
    parser = _Parser(
        prog="streamkit",
        description="Every LangChain stream as one event schema.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_const", dest="command", const=_version)
    parser.set_defaults(command=_help)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    add_file_commands(commands)
    add_demo(commands.add_parser("demo", help="run a small graph and watch its events"))
    _add_schema(commands.add_parser("schema", help="print the events' types for other programs"))
    add_doctor(commands.add_parser("doctor", help="show versions, extras and streams"))
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
    ours, *others = map(version_of, ("langchain-streamkit", "langchain-core", "langgraph"))
    print(f"streamkit {ours} (langchain-core {others[0]}, langgraph {others[1]})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
