"""Modules for all scripts: files, processes, locks, fingerprints, formats."""
