"""Broken and hostile input: a corpus made by spoiling a valid set, and fuzzers."""
