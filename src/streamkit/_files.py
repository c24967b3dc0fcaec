"""Files of lines, compressed or not, that may still grow, or may have been cut off.

Laws of this file:

1. What is compressed is known by its first bytes, so a file's name and a pipe do not matter.
2. A last line that was cut is none. Each other line has its number.
3. A file that is being read is not written: what was not read yet would be lost.
4. A file has one writer, the newest: lines of two runs at once would be cut by each other.
"""

from __future__ import annotations

import gzip
import json
import os
import time
import zlib
from codecs import BOM_UTF8
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from inspect import GEN_CLOSED, getgeneratorstate
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

from typing_extensions import override

from .errors import UsageError

T = TypeVar("T")

PathLike: TypeAlias = "str | os.PathLike[str]"

_CHUNK = 1 << 16  # bytes read at a time
_BATCH = 1 << 16  # bytes of a batch that is written at once
_GZIP = b"\x1f\x8b"

_READERS: WeakKeyDictionary[Generator[Any], Path] = WeakKeyDictionary()
"""The files that this process reads, or is about to read."""

_WRITERS: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The files that this process writes, by their paths."""


def reader_of(path: PathLike, items: Generator[T]) -> Generator[T]:
    """Return ``items``: while they are read, the file is not written anew."""
    _READERS[items] = Path(path)
    return items


def open_to_write(path: PathLike, *, flush: bool) -> Any:
    """Return the file, emptied; a suffix ``.gz`` compresses it. An earlier writer's is closed.

    Raises:
        UsageError: Somebody reads it.
        OSError: It cannot be written.
    """
    with suppress(FileNotFoundError):
        for items, read in list(_READERS.items()):
            if getgeneratorstate(items) != GEN_CLOSED and read.samefile(path):
                raise UsageError(
                    f"{path} is being replayed, and would be emptied; record to another file, or "
                    "close the replay first"
                )
    name = os.path.realpath(path)
    if earlier := _WRITERS.get(name):
        earlier.close()
    file = _WRITERS[name] = _opened(path, flush=flush)
    return file


def _opened(path: PathLike, *, flush: bool) -> Any:
    if _is_gzip(path):
        return (_FlushedGzip if flush else gzip.GzipFile)(path, "wb", compresslevel=6)
    return Path(path).open("wb", buffering=0 if flush else _BATCH)


def _is_gzip(path: PathLike) -> bool:
    return os.fspath(path).endswith(".gz")


class _FlushedGzip(gzip.GzipFile):
    """A compressed file that holds all that was written, at any time."""

    @override
    def write(self, data: Any) -> int:
        written = super().write(data)
        # Without it, zlib keeps the lines of a short run to itself until the file is closed.
        self.flush()
        return written


@contextmanager
def open_to_read(path: PathLike) -> Generator[IO[bytes]]:
    """Return the file, decompressed where it is compressed."""
    with Path(path).open("rb") as file:
        yield decompressed(file, is_gzip=_is_gzip(path))


def decompressed(file: BufferedReader, *, is_gzip: bool = False) -> IO[bytes]:
    """Return a file as it is, or decompressed; an empty one may grow to be what its name says."""
    start = file.peek(len(_GZIP))[: len(_GZIP)]
    if start == _GZIP or (is_gzip and not start):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    return file


def whole_lines(file: IO[bytes], *, pause: float | None = None) -> Iterator[tuple[int, bytes]]:
    """Return the lines that are not blank, with their numbers; a last line that was cut is none.

    With ``pause``, the file may grow: it is read again after so many seconds, without an end. It
    may also be written anew, and is then read from its beginning.
    """
    number, rest = 0, b""
    while True:
        chunk = _read(file)
        if not chunk:
            if pause is None:
                break
            time.sleep(pause)
            if _was_emptied(file):
                file.seek(0)
                number, rest = 0, b""
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                # Editors and shells of Windows write one in front of UTF-8.
                yield number, line.removeprefix(BOM_UTF8) if number == 1 else line
    if rest.strip() and _is_whole(rest):
        yield number + 1, rest


def _was_emptied(file: IO[bytes]) -> bool:
    with suppress(OSError):  # a pipe has no position
        return os.fstat(file.fileno()).st_size < os.lseek(file.fileno(), 0, os.SEEK_CUR)
    return False


def _read(file: Any) -> bytes:
    try:
        # `read` of a pipe would wait for all of the bytes, and not for those that are there.
        chunk: bytes = file.read1(_CHUNK)
    except (EOFError, zlib.error):  # a compressed file that was cut
        return b""
    return chunk


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
