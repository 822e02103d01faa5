"""The version, in one place; the changelog's first heading must agree with it."""

__version__ = "0.1.0"
