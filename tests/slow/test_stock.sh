#!/bin/sh
# test_stock.sh - runs tests/host/test_host_stock.c on all stock classifiers.
cd "$(dirname "$0")/../.." || exit 1
OBJ=${OBJ:-$(make -s print-obj)}
make -s "$OBJ/tests/host/test_host_stock" && exec "$OBJ/tests/host/test_host_stock" -all
