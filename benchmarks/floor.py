"""Two floors: the least that any normalizer does, and what the code at an earlier commit takes.

The least is a generator that makes one `TextDelta` of each item, whatever it is. The earlier code
is taken from git and put beside this one, so that a step back shows.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from streamkit import Origin, TextDelta

from .timing import run
from .workloads import replay

EARLIER = "305fa3a"
_HERE = Origin()


async def _least(source: Any) -> AsyncIterator[TextDelta]:
    async for _ in source:
        yield TextDelta(origin=_HERE, timestamp=0.0, message_id="m", block_id=0, text="word ")


def _sync_least(source: Iterable[Any]) -> Iterator[TextDelta]:
    for _ in source:
        yield TextDelta(origin=_HERE, timestamp=0.0, message_id="m", block_id=0, text="word ")


async def _drain(source: Any) -> None:
    async for _ in source:
        pass


def least(items: list[Any]) -> None:
    run(_drain(_least(replay(items))))


def sync_least(items: list[Any]) -> None:
    for _ in _sync_least(iter(items)):
        pass


@contextmanager
def earlier() -> Iterator[str | None]:
    """Put the code at `EARLIER` into a directory, as long as this is open; None without git."""
    git = shutil.which("git")
    command = ["archive", "--format=tar", EARLIER, "src"]
    here = Path(__file__).parent.parent
    done = (
        subprocess.run([git, *command], cwd=here, capture_output=True, check=False)  # noqa: S603
        if git
        else None
    )
    if done is None or done.returncode:
        yield None
        return
    with TemporaryDirectory() as directory:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(directory, filter="data")
        yield str(Path(directory) / "src")
