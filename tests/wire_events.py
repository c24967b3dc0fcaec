"""Random events of every class whose payloads are JSON data, and random cuts of bytes."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from streamkit import ErrorInfo, Event, Origin, ToolCall, Usage

TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**53, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["\u2028", "\r\n\r\n", "data: \n\n", "\x00", "\x85", "\ufeff", "system"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
COUNT = st.integers(0, 2**60)
COUNTS = st.dictionaries(TEXT, COUNT, max_size=2)
USAGE = st.builds(
    Usage,
    input_tokens=COUNT,
    output_tokens=COUNT,
    total_tokens=COUNT,
    input_token_details=COUNTS,
    output_token_details=COUNTS,
)
ERROR = st.builds(
    ErrorInfo, name=TEXT, message=TEXT, code=st.none() | TEXT | st.integers(-(2**60), 2**60)
)
CALL = st.builds(
    ToolCall,
    id=TEXT,
    name=TEXT,
    args=JSON,
    text=TEXT,
    error=st.none() | TEXT,
    provider_executed=st.booleans(),
)
NAMES = st.lists(TEXT, max_size=3).map(tuple)
ORIGIN = st.builds(
    Origin,
    run_id=st.none() | TEXT,
    parent_ids=NAMES,
    name=st.none() | TEXT,
    node=st.none() | TEXT,
    namespace=NAMES,
    step=st.none() | st.integers(-1, 2**60),
    agent=st.none() | TEXT,
    thread_id=st.none() | TEXT,
    tags=NAMES,
    metadata=OBJECT,
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    str | None: st.none() | TEXT,
    int: st.integers(0, 2**60),
    int | None: st.none() | st.integers(0, 2**60),
    float: st.floats(0, 2**33),
    bool: st.booleans(),
    bool | None: st.none() | st.booleans(),
    Any: JSON,
    Origin: ORIGIN,
    Usage | None: st.none() | USAGE,
    ErrorInfo: ERROR,
    ErrorInfo | None: st.none() | ERROR,
    dict[str, Any]: OBJECT,
    dict[str, Usage]: st.dictionaries(TEXT, USAGE, max_size=2),
    tuple[str, ...]: NAMES,
    tuple[Any, ...]: st.lists(JSON, max_size=3).map(tuple),
    tuple[ToolCall, ...]: st.lists(CALL, max_size=2).map(tuple),
}
CLASSES: tuple[type[Any], ...] = get_args(Event)


def _values_of(type: Any) -> st.SearchStrategy[Any]:
    if type in BY_TYPE:
        return BY_TYPE[type]
    arms = get_args(type) if None.__class__ in get_args(type) else (type,)
    words = [word for arm in arms for word in get_args(arm)]  # of a Literal
    return st.sampled_from([*words, None] if len(arms) > 1 else words)


def events_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any event of a class, with and without the fields that have defaults."""
    fields = msgspec.structs.fields(cls)
    return st.fixed_dictionaries(
        {it.name: _values_of(it.type) for it in fields if it.required},
        optional={it.name: _values_of(it.type) for it in fields if not it.required},
    ).map(lambda given: cls(**given))


EVENTS = st.one_of([events_of(cls) for cls in CLASSES])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces, some of them perhaps empty."""
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]


PLACES = st.lists(st.integers(0, 10**6), max_size=8)
