"""test_faults.py with forty calls of each case instead of four."""
import os
import runpy

os.environ.setdefault("SAMPLE", "40")
runpy.run_path(os.path.join(os.path.dirname(__file__), "..", "cli", "test_faults.py"))
