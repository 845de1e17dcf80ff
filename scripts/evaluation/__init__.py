"""Measures of verification and identification, computed from features of faces."""
