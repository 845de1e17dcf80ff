#!/bin/sh
# one.sh TEST - runs one test for prove: a .py or .sh file, or the program that was built from a .c
# file. Stops the test after $LIMIT seconds (600). Writes its output and its CPU time into files in
# $LOGS. C programs run under $EXEC, such as 'valgrind -q'.
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
