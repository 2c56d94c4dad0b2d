"""Logs of the real LoadGen, and what MLPerf's compliance scripts and our own judges say about them."""
