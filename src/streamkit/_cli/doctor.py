"""``streamkit doctor``: the installed packages, and the streams that they have."""

from __future__ import annotations

import argparse
import json
import platform
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import Any, get_args

from .._extras import EXTRAS, missing_of

_PACKAGES = (
    "langchain-streamkit",
    "langchain-core",
    "langgraph",
    "langchain",
    "deepagents",
    "langgraph-sdk",
    "msgspec",
)


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``streamkit doctor``."""
    parser.description = "Show versions, extras, and the streams that the installed packages have."
    parser.epilog = "examples:\n  streamkit doctor\n  streamkit doctor --json    for a bug report"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(command=_doctor)
    parser.add_argument("--json", action="store_true", help="as JSON, for another program")


def version_of(package: str) -> str:
    """Return the version of a package, or that there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _doctor(arguments: argparse.Namespace) -> int:
    report = _report()
    if arguments.json:
        print(json.dumps(report))
        return 0
    for title, facts in report.items():
        print(title)
        for name, fact in facts.items():
            print(f"  {name:<22} {fact}")
    return 0


def _report() -> dict[str, dict[str, str]]:
    python = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    return {
        "versions": {"python": python, **{name: version_of(name) for name in _PACKAGES}},
        "extras": {
            name: f"{'no' if missing_of(name) else 'yes'}: {use}"
            for name, (_, use) in EXTRAS.items()
        },
        "streams": _streams(),
    }


def _streams() -> dict[str, str]:
    """Return which ways to stream the installed packages have, and what those carry."""
    found = {
        "stream, astream": "messages and outputs of any runnable",
        "astream_events v1, v2": "all runs inside, with their inputs and outputs",
        "astream_log": "all runs inside, with their outputs",
    }
    try:
        types: Any = import_module("langgraph.types")
        graphs: Any = import_module("langgraph.pregel")
    except ModuleNotFoundError:
        return found | {"langgraph": "not installed: no stream modes"}
    found["stream modes"] = ", ".join(get_args(types.StreamMode))
    has_v3 = hasattr(graphs.Pregel, "stream_events")
    found["stream_events v3"] = "typed projections of a run" if has_v3 else "not in this langgraph"
    has_sdk = find_spec("langgraph_sdk") is not None
    found["Agent Server"] = "streams of a remote graph" if has_sdk else "langgraph-sdk is missing"
    found["streamkit.astream"] = "all of these at once, where the graph runs in this process"
    return found
