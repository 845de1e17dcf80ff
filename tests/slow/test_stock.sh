#!/bin/sh
# test_stock.sh - compares all of libdarknet's stock classifiers, with tests/host/test_host_stock.c.
cd "$(dirname "$0")/../.." || exit 1
OBJ=${OBJ:-$(make -s print-obj)}
make -s "$OBJ/tests/host/test_host_stock" && exec "$OBJ/tests/host/test_host_stock" -all
