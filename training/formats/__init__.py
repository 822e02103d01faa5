"""Readers of other people's annotation formats, run by `..conversion`."""
