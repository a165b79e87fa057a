"""Measure backends against other runtimes."""
