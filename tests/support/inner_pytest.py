"""pytest inside a test: a session of its own, on files that the test wrote."""

from __future__ import annotations

import pytest

# Where the package runs from its source, pytest does not know its plugin.
PLUGINS = ("no:streamkit", "streamkit.pytest_plugin", "no:xdist", "no:asyncio")


def run_pytest(
    pytester: pytest.Pytester, *options: str, in_process: bool = True
) -> pytest.RunResult:
    """Run the tests in pytester's folder, with our plugin.

    In this process, which is ten times as fast, pytester takes out of `sys.modules` what the session
    imported: a class may then be made a second time, and instances of the one are none of the other.
    """
    plugins = [word for name in PLUGINS for word in ("-p", name)]
    run = pytester.runpytest_inprocess if in_process else pytester.runpytest_subprocess
    return run("-q", *plugins, *options)
