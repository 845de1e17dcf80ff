"""What the scripts share: files, processes, locks, fingerprints, formats."""
