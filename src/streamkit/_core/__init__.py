"""The core, without I/O: open brackets, messages seen so far, and the content of chunks."""
