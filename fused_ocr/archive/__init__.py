"""Reads whole archives of photos into an index, and finds photos by what they say."""
