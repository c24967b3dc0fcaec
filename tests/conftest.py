"""How much the properties are tried: a little each time, a lot with ``STREAMKIT_FUZZ=1``.

And the fixtures that several modules share.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from js_clients import clients, reader

__all__ = ["clients", "reader"]

QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

settings.register_profile("short", max_examples=30, deadline=None, suppress_health_check=QUIET)
settings.register_profile("fuzz", max_examples=3000, deadline=None, suppress_health_check=QUIET)
settings.load_profile("fuzz" if os.environ.get("STREAMKIT_FUZZ") else "short")
