"""The peers that bench_peers.py and the tests compare with."""
