"""Debian's Chromium, for the tests of pages: those that use a fixture named ``browser``."""

from __future__ import annotations

import shutil

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run".split()
