"""Every LangChain and LangGraph stream as one typed event schema.

>>> from streamkit import TextDelta, ToolStart, normalize
>>> for event in normalize(["Hel", "lo"]):  # what model.stream(...) yields, say
...     match event:
...         case TextDelta(text=text):
...             print(text)
...         case ToolStart(name=name, input=args):
...             print(name, args)
Hel
lo

Names are imported when they are first used (PEP 562). Importing streamkit then costs a twentieth of
importing LangChain's messages; with plain imports it is a fifth, of which msgspec alone is two
thirds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._batch import astream_batch as astream_batch
    from ._call import astream as astream
    from ._call import stream as stream
    from ._drive import AsyncEventStream as AsyncEventStream
    from ._drive import EventStream as EventStream
    from ._drive import normalize as normalize
    from .callbacks import CallbackSource as CallbackSource
    from .dialects import register as register
    from .errors import *  # noqa: F403  (all of its `__all__`, as below)
    from .events import *  # noqa: F403
    from .filters import Filter as Filter
    from .folds import MessageFold as MessageFold
    from .folds import Result as Result
    from .folds import RunFold as RunFold
    from .folds import ToolRun as ToolRun
    from .mapping import AsyncMapper as AsyncMapper
    from .mapping import Mapper as Mapper
    from .mapping import map_events as map_events
    from .values import *  # noqa: F403

    __version__: str
    """The version of the installed distribution."""

_NAMES: dict[str, tuple[str, ...]] = {
    "errors": (),
    "values": (),
    "events": (),
    "folds": ("MessageFold", "Result", "RunFold", "ToolRun"),
    "mapping": ("AsyncMapper", "Mapper", "map_events"),
    "dialects": ("register",),
    "_drive": ("AsyncEventStream", "EventStream", "normalize"),
    "filters": ("Filter",),
    "_call": ("astream", "stream"),
    "_batch": ("astream_batch",),
    "callbacks": ("CallbackSource",),
}
"""The names of each module that are public here: all where none is named. Each module needs most of
those before it."""


def _modules() -> dict[str, str]:
    """Return the module of each public name."""
    return {
        name: module
        for module, names in _NAMES.items()
        for name in names or import_module(f".{module}", __name__).__all__
    }


if not TYPE_CHECKING:  # a type checker would believe that any name exists

    def __getattr__(name: str) -> Any:
        value: Any
        if name in _NAMES:
            return import_module(f".{name}", __name__)
        if name == "__version__":
            return import_module("importlib.metadata").version("langchain-streamkit")
        if name == "__all__":
            value = sorted(_modules())
        elif name[:1] != "_" and name in (modules := _modules()):
            value = getattr(import_module(f".{modules[name]}", __name__), name)
        else:
            raise import_module("._absent", __name__).absent(name, _modules())
        globals()[name] = value  # so that it is looked up once
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_modules(), *_NAMES})
