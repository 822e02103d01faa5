"""Synthetic photos of plates, house numbers and bibs, with their corners and texts."""
