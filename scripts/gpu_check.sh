#!/bin/sh
# gpu_check.sh [FOLDER] - checks and times the layers on a machine with a GPU and its driver. FOLDER
# is the result of `make gpu-check` (build/gpu-check); the script needs no other file of the
# project.
#
#   1 all layers, three training steps and predictions against the processor's
#   2 compute-sanitizer of NVIDIA's toolkit on a small network, where it is installed
#   3 milliseconds of a training step and of predictions, and PyTorch's, where Python has it
#
# It ends with one table and writes FOLDER/gpu_check.json. It takes less than four minutes, and
# names the parts that it left out for lack of time. The exit status is 1 when a layer disagrees or
# a tool finds a fault.
set -u
cd "${1:-$(dirname "$0")}" || exit 1
ROOM=$((${GPU_CHECK_SECONDS:-235} + $(date +%s)))
RESULTS=results.tmp
: >"$RESULTS"

# limit SECONDS COMMAND...: stops the command after that time, or when the time of the script is
# over.
limit() {
    left=$((ROOM - $(date +%s)))
    [ "$left" -gt "$1" ] && left=$1
    shift
    [ "$left" -lt 2 ] && { echo "left out for lack of time: $*"; return 124; }
    timeout "$left" "$@"
    ended=$?
    [ $ended -ne 124 ] || echo "stopped after $left s: $*"
    return $ended
}
# result NAME VALUE: adds a line to the table.
result() { printf '%s\t%s\n' "$1" "$2" >>"$RESULTS"; }
# sanitize TOOL PRECISION
sanitize() {
    limit 25 compute-sanitizer --tool "$1" --error-exitcode 9 ./measure tiny.cfg 2 "$2" step \
        >sanitizer.log 2>&1
    ended=$?
    tail -3 sanitizer.log
    case $ended in
    0) result "compute-sanitizer $1 $2" "no fault" ;;
    124) result "compute-sanitizer $1 $2" "not finished" ;;
    *) result "compute-sanitizer $1 $2" "FAULT"; failed=1 ;;
    esac
}
# measured NAME SECONDS ARGUMENTS OF measure...
measured() {
    name=$1 seconds=$2
    shift 2
    line=$(limit "$seconds" ./measure "$@" 2>&1)
    echo "$line"
    ms=$(echo "$line" | sed -n 's/.*: \([0-9.]* ms\) (.*/\1/p')
    case $line in
    *"lack of time"* | "stopped after"*) ms="not finished" ;;
    esac
    result "$name" "${ms:-failed}"
}

failed=0
gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null |
    head -1)
result "GPU" "${gpu:-not known to nvidia-smi}"
echo "--- agreement with the processor (float32 to 1e-5)"
limit 60 ./check >check.log 2>&1
case $? in
0) result "layers against the processor" "agree" ;;
124) result "layers against the processor" "not finished"; failed=1 ;;
*) result "layers against the processor" "DISAGREE"; failed=1 ;;
esac
grep -v '^ok' check.log | tail -20
echo "--- milliseconds"
for precision in float32 tf32 bfloat16; do
    measured "step of 256, $precision" 15 mobilefacenet.cfg 256 $precision step
    measured "predict 256, $precision" 10 mobilefacenet.cfg 256 $precision predict
    measured "predict 1, $precision" 10 mobilefacenet.cfg 1 $precision predict
done
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    limit 90 python3 gpu_torch.py torch.tmp
    [ -f torch.tmp ] && cat torch.tmp >>"$RESULTS"
    rm -f torch.tmp
else
    result "PyTorch" "not installed, or finds no GPU"
fi
if command -v compute-sanitizer >/dev/null; then
    echo "--- compute-sanitizer"
    sanitize memcheck float32
    sanitize memcheck bfloat16
    sanitize racecheck bfloat16
    sanitize synccheck tf32
else
    result "compute-sanitizer" "not installed"
fi
echo "--- results"
awk -F '\t' '{printf "%-44s %s\n", $1, $2}' "$RESULTS"
awk -F '\t' 'BEGIN {print "{"}
    {gsub(/["\\]/, ""); printf "%s  \"%s\": \"%s\"", (NR > 1 ? ",\n" : ""), $1, $2}
    END {print "\n}"}' "$RESULTS" >gpu_check.json
rm -f "$RESULTS"
exit $failed
