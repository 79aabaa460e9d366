"""Matplotlib figures, one module a subject."""
