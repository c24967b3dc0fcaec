"""The input of the commands: a file, a growing file, or the standard input.

A line is an event as JSON, or the ``data:`` of a server-sent event; other fields of such an event
are skipped. A first line of `streamkit.record.record_raw` makes the rest raw items.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from io import BufferedReader
from itertools import chain
from typing import IO, cast

from .._drive import normalize
from .._files import decompressed, open_to_read, whole_lines
from .._protocols import RunOver
from ..dialects.own import OwnReader
from ..errors import MalformedItem, UsageError
from ..events import Event, RunEnd, RunError, RunStart
from ..record import event_in, is_raw_header, raw_items

_PAUSE = 0.1  # seconds until a growing file is read again
_OTHER_FIELDS = (b"event:", b"id:", b"retry:", b":")


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a file."""
    parser.add_argument("file", metavar="FILE|-", help="a recording, or - for the standard input")


def events_of(arguments: argparse.Namespace, *, follow: bool = False) -> Iterator[Event]:
    """Return the events of the file that the command line names.

    A run that the file does not hold to its end is closed as ``incomplete``, with a note on the
    standard error.

    Raises:
        UsageError: It cannot be read.
        MalformedItem: A line is no event; the message has its number.
    """
    reader: OwnReader | None = None
    for _, event in numbered_events(arguments.file, follow=follow):
        if reader is None or isinstance(event, RunStart):
            yield from _closed(reader, arguments.file)
            reader = OwnReader(clock=time.time)
        with suppress(RunOver):
            reader.feed(event)
        yield event
    yield from _closed(reader, arguments.file)
    if reader is None:
        print(f"streamkit: {name_of(arguments.file)} has no events", file=sys.stderr)


def _closed(reader: OwnReader | None, path: str) -> Sequence[Event]:
    """Return the events that close a run which was cut off."""
    closing = reader.close() if reader else ()
    if closing:
        print(f"streamkit: incomplete: {name_of(path)} ends before the run does", file=sys.stderr)
    return closing


def name_of(path: str) -> str:
    """Return the file's name for a person."""
    return "the input" if path == "-" else path


def numbered_events(path: str, *, follow: bool = False) -> Iterator[tuple[int, Event]]:
    """Return the events of a file with the numbers of their lines.

    With ``follow`` a file is read on as it grows, up to the end of a run.

    Raises:
        UsageError: It cannot be read.
        MalformedItem: A line is no event.
    """
    lines = _lines(path, pause=_PAUSE if follow and path != "-" else None)
    first = next(lines, None)
    if first and is_raw_header(first[1]):
        yield from enumerate(_raw_events(lines), 1)
        return
    for number, line in chain([first] if first else [], lines):
        if not line.startswith(_OTHER_FIELDS):
            event = event_in(number, line.removeprefix(b"data:"))
            yield number, event
            if follow and isinstance(event, (RunEnd, RunError)):
                return


def _raw_events(lines: Iterator[tuple[int, bytes]]) -> Iterator[Event]:
    try:
        yield from normalize(raw_items(lines))
    except (UsageError, MalformedItem):
        raise
    except Exception:  # noqa: BLE001  (what the recorded source raised; the last event has it)
        return


def _lines(path: str, *, pause: float | None) -> Iterator[tuple[int, bytes]]:
    try:
        with _opened(path) as file:
            yield from whole_lines(file, pause=pause)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(path: str) -> AbstractContextManager[IO[bytes]]:
    if path != "-":
        return open_to_read(path)
    if sys.stdin is None:
        raise UsageError("there is no standard input; name a file")
    return nullcontext(decompressed(cast("BufferedReader", sys.stdin.buffer)))
