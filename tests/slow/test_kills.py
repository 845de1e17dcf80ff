"""Runs tests/cli/test_train.py with two hundred kills instead of twenty."""
import os
import runpy

os.environ.setdefault("KILLS", "200")
runpy.run_path(os.path.join(os.path.dirname(__file__), "..", "cli", "test_train.py"))
