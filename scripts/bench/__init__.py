"""The other programs with which bench_peers.py and the tests compare."""
