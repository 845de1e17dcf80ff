"""The networks whose cfg files write_cfg.py writes."""
