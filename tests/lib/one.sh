#!/bin/sh
# one.sh TEST - prove calls it for each test. It runs the program of a .c file in $OBJ, a .py or a
# .sh, for at most $LIMIT seconds (600). The output and the CPU seconds are written into $LOGS.
# Programs are run by $EXEC, such as EXEC='valgrind -q'.
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
