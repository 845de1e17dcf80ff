"""Runs tests/cli/test_faults.py with twenty calls of each case instead of four."""
import os
import runpy

os.environ.setdefault("SAMPLE", "20")
runpy.run_path(os.path.join(os.path.dirname(__file__), "..", "cli", "test_faults.py"))
