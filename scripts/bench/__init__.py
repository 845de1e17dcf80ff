"""Runs libdarknet, ONNX Runtime and PyTorch, for comparisons in bench_peers.py and in tests."""
