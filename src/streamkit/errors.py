"""Every error streamkit raises of its own.

    StreamkitError
     ├── SourceError          the stream's fault
     │    ├── MalformedItem   an item its dialect cannot read (only with ``strict=True``)
     │    └── RunFailed       the run failed on a server, whose stream says so and does not raise
     └── UsageError           the caller's fault; the message says what to write instead
          ├── BadRequest      a client sent what cannot be answered: an HTTP status of 4xx
          ├── BrokenMapper    a mapping function of the caller's raised
          ├── ConcurrentRead  a second reader read a stream while another one did
          └── UnknownSource   nothing in the first item proves where it comes from

An exception that the source itself raises is no error of ours: it is re-raised as it was.
"""

from __future__ import annotations

__all__ = [
    "BadRequest",
    "BrokenMapper",
    "ConcurrentRead",
    "MalformedItem",
    "RunFailed",
    "SourceError",
    "StreamkitError",
    "UnknownSource",
    "UsageError",
]


class StreamkitError(Exception):
    """The root of the tree: catch this to catch whatever streamkit raises of its own."""


class SourceError(StreamkitError):
    """The stream broke a rule of its own format."""


class MalformedItem(SourceError):
    """An item its dialect cannot read; ``item`` holds it.

    Raised only with ``strict=True``. Otherwise the item becomes an `Unrecognized` event.
    """

    def __init__(self, message: str, item: object) -> None:
        super().__init__(message)
        self.item = item


class RunFailed(SourceError):
    """The run failed on a server, whose stream says so and ends without raising.

    ``name`` is the class of the exception there, and ``message`` the text that the server sends.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"the run failed on its server: {name}: {message}")
        self.name = name
        self.message = message


class UsageError(StreamkitError):
    """streamkit was called in a way that cannot work.

    Where the package of an extra is missing, the error is a ModuleNotFoundError, too, and its
    message has the command that installs the extra.
    """


class BadRequest(UsageError):
    """A client sent what cannot be answered; ``status`` is the HTTP status to tell it by.

    The message may be shown to the client: it is about the request, and about nothing else.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class BrokenMapper(UsageError):
    """A mapping function raised; ``item`` is what it was given, ``__cause__`` what it raised."""

    def __init__(self, message: str, item: object) -> None:
        super().__init__(message)
        self.item = item


class ConcurrentRead(UsageError):
    """A stream was read by two tasks or threads at once, or by a stage of its own.

    Neither reader has lost anything. `streamkit.views.tee` gives each reader a stream of its own.
    """


class UnknownSource(UsageError):
    """The first item does not prove which dialect it is in; ``item`` holds it.

    Pass ``dialect=`` to `normalize` to say what the stream is.
    """

    def __init__(self, message: str, item: object) -> None:
        super().__init__(message)
        self.item = item
