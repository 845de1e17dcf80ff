"""Runs tests/cli/test_faults.py with SAMPLE=20 instead of 4."""
import os
import runpy

os.environ.setdefault("SAMPLE", "20")
runpy.run_path(os.path.join(os.path.dirname(__file__), "..", "cli", "test_faults.py"))
