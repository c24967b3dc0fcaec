"""The extras: which package each one installs, and the error where that package is missing."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

from .errors import UsageError

EXTRAS = {
    "langgraph": ("langgraph", "graphs"),
    "terminal": ("rich", "streamkit view and replay; streamkit.terminal"),
    "demo": ("langgraph rich", "streamkit demo"),
    "serve": ("starlette anyio", "streamkit.serve"),
    "redis": ("redis", "streamkit.serve.Redis"),
    "otel": ("opentelemetry", "streamkit.otel"),
    "testing": ("hypothesis pytest", "streamkit.strategies; the pytest plugin"),
}
"""For each extra of pyproject.toml: the packages to import, and what needs them."""


class MissingExtra(UsageError, ModuleNotFoundError):
    """A package of an extra is missing.

    It is a ModuleNotFoundError, too, so that ``except ImportError``, ``pytest.importorskip`` and
    ``pkgutil.walk_packages`` work as with any other package.
    """


@contextmanager
def extra(name: str, user: str) -> Generator[None]:
    """Raise `MissingExtra` where the imports inside need a package of the extra that is missing.

    Args:
        name: the extra.
        user: what needs it, such as ``"streamkit.serve"``.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS[name][0].split():
            raise
        raise _missing(name, user, package) from error


def require(name: str, user: str) -> None:
    """Raise `MissingExtra` where a package of the extra is missing."""
    package = missing_of(name)
    if package:
        raise _missing(name, user, package)


def missing_of(name: str) -> str | None:
    """Return a package of the extra that is missing, or None."""
    return next((it for it in EXTRAS[name][0].split() if find_spec(it) is None), None)


def _missing(name: str, user: str, package: str) -> MissingExtra:
    return MissingExtra(
        f"{user} needs {package}; pip install 'langchain-streamkit[{name}]'", name=package
    )
