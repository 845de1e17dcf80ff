#!/bin/sh
# one.sh TEST - what prove runs for each test: the program of a .c file in $OBJ, a .py or a .sh, at
# most $LIMIT seconds (600). What it printed is kept in $LOGS, with the CPU seconds that it took.
# EXEC='valgrind -q' goes in front of programs.
log=$LOGS/$(echo "$1" | tr / -)
case $1 in
*.py) set -- "${PYTHON:-python3}" "$1" ;;
*.sh) set -- sh "$1" ;;
*) set -- $EXEC "$OBJ/${1%.c}" ;;
esac
timeout -k 10 "${LIMIT:-600}" "$@" >"$log" 2>&1 </dev/null
status=$?
case $status in
0 | 1) ;;
124 | 137) echo "# it was stopped: ${LIMIT:-600} seconds are over" >>"$log" ;;
*) echo "# exit status $status" >>"$log" ;;
esac
times >"$log.cpu"
cat "$log"
exit $status
