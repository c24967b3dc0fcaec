"""The commands of ``streamkit``, one module a group."""
