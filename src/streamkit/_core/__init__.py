"""The core, without I/O: what is open, what was shown, and what chunks say."""
