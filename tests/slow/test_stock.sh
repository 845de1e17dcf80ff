#!/bin/sh
# test_stock.sh - all stock classifiers of the host, as tests/host/test_host_stock.c compares them.
cd "$(dirname "$0")/../.." || exit 1
OBJ=${OBJ:-$(make -s print-obj)}
make -s "$OBJ/tests/host/test_host_stock" && exec "$OBJ/tests/host/test_host_stock" -all
