"""Arithmetic that harts and tiles share."""
