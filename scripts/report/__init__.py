"""Draws and writes the pictures, tables and pages of the scripts."""
