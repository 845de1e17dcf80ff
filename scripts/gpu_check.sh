#!/bin/sh
# gpu_check.sh [FOLDER] - checks and times the layers on a machine with a GPU and its driver. FOLDER
# is the result of `make gpu-check` (build/gpu-check). The script compares the results with the
# CPU's results, and the times with PyTorch's times. It writes FOLDER/gpu_check.json. The exit
# status is 1 when a check failed.
#
# Environment variables, with their defaults: GPU_CHECK_SECONDS (235), the time limit of the script
# in seconds; GPU_CHECK_NET (mobilefacenet.cfg); GPU_CHECK_BATCH (256).
set -u
cd "${1:-$(dirname "$0")}" || exit 1
ROOM=$((${GPU_CHECK_SECONDS:-235} + $(date +%s)))
NET=${GPU_CHECK_NET:-mobilefacenet.cfg} BATCH=${GPU_CHECK_BATCH:-256}
RESULTS=results.tmp
# The driver compiles the kernels once and keeps them in this folder.
export CUDA_CACHE_PATH="$PWD/cache"
: >"$RESULTS"

as_json() {
    awk -F '\t' 'BEGIN {print "{"}
        {gsub(/["\\]/, ""); printf "%s  \"%s\": \"%s\"", (NR > 1 ? ",\n" : ""), $1, $2}
        END {print "\n}"}' "$RESULTS" >gpu_check.new && mv gpu_check.new gpu_check.json
}
# result NAME VALUE: adds a line to the table.
result() {
    printf '%s\t%s\n' "$1" "$2" >>"$RESULTS"
    as_json
}
ends() {
    as_json
    echo "--- results"
    awk -F '\t' '{printf "%-44s %s\n", $1, $2}' "$RESULTS"
    rm -f "$RESULTS" torch.tmp
}
child=
trap '[ -z "$child" ] || kill $child; result "stopped" "by a signal"; ends; exit 1' INT TERM HUP

# limit SECONDS COMMAND...: runs COMMAND for at most SECONDS, and not longer than the time left for
# this script. Returns the status of COMMAND, or 124 when it ran out of time or was left out.
limit() {
    left=$((ROOM - $(date +%s)))
    [ "$left" -gt "$1" ] && left=$1
    shift
    [ "$left" -lt 2 ] && { echo "left out for lack of time: $*"; return 124; }
    timeout -k 2 "$left" "$@" &
    child=$!
    wait $child
    ended=$?
    child=
    [ $ended -eq 137 ] && ended=124
    [ $ended -ne 124 ] || echo "stopped after $left s: $*"
    return $ended
}
# sanitize TOOL PRECISION: runs a tool of compute-sanitizer on a small network.
sanitize() {
    limit 25 compute-sanitizer --tool "$1" --error-exitcode 9 ./measure tiny.cfg 2 "$2" step \
        >sanitizer.log 2>&1
    ended=$?
    tail -3 sanitizer.log
    case $ended in
    0) result "compute-sanitizer $1 $2" "no fault" ;;
    124) result "compute-sanitizer $1 $2" "not finished" ;;
    9) result "compute-sanitizer $1 $2" "FAULT"; failed=1 ;;
    *) result "compute-sanitizer $1 $2" "$(tail -1 sanitizer.log)"; failed=1 ;;
    esac
}
# number NAME: prints the milliseconds of the result NAME.
number() {
    awk -F '\t' -v name="$1" '$1 == name && $2 ~ /^[0-9.]+ ms/ {print $2 + 0}' "$RESULTS" | tail -1
}
# goal NAME VALUE UNIT GOAL MUST more|less: adds to the table whether VALUE reaches GOAL (the wish)
# and MUST (the limit, or - for no limit). more|less says which values are better.
goal() {
    [ -n "$2" ] || { result "goal: $1" "not measured"; return; }
    result "goal: $1" "$(awk -v v="$2" -v unit="$3" -v goal="$4" -v must="$5" -v way="$6" 'BEGIN {
        more = way == "more"
        word = (more ? v >= goal : v <= goal) ? "reached" : \
               must == "-" ? "missed" : (more ? v >= must : v <= must) ? "must reached" : "MISSED"
        printf "%.3g%s (goal %s, must %s): %s", v, unit, goal, must, word}')"
}
# quicker NAME: prints the time of a training step in PyTorch, in the variant NAME, divided by the
# time of our step. Only MobileFaceNet is measured in PyTorch: other networks print nothing.
quicker() {
    [ "$NET" = mobilefacenet.cfg ] || return 0
    ours=$(number "step of $BATCH, bfloat16") theirs=$(number "PyTorch step of $BATCH, $1")
    [ -z "$ours" ] || [ -z "$theirs" ] || awk -v a="$theirs" -v b="$ours" 'BEGIN {print a / b}'
}
# measured NAME SECONDS ARGUMENTS: adds the time of ./measure ARGUMENTS to the table, as NAME.
measured() {
    name=$1 seconds=$2
    shift 2
    limit "$seconds" ./measure "$@" >measure.log 2>&1
    ended=$?
    cat measure.log
    ms=$(sed -n 's/.*: \([0-9.]* ms\) (.*/\1/p' measure.log)
    why=$(grep -v '^Terminated' measure.log | tail -1)
    [ $ended -eq 124 ] && why="not finished"
    result "$name" "${ms:-${why:-failed}}"
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
for precision in float32 bfloat16; do
    limit 30 ./measure tiny.cfg 8 $precision same >same.$precision.log 2>&1 || failed=1
    cat same.$precision.log
    same=$(sed -n 's/.*: \(two runs\)/\1/p' same.$precision.log)
    result "20 updates, $precision" "${same:-$(tail -1 same.$precision.log)}"
done
echo "--- milliseconds"
for precision in bfloat16 tf32 float32; do
    measured "step of $BATCH, $precision" 15 "$NET" "$BATCH" $precision step
    measured "predict 1, $precision" 10 "$NET" 1 $precision predict
    measured "predict $BATCH, $precision" 10 "$NET" "$BATCH" $precision predict
done
if python3 -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    rm -f torch.tmp
    limit 90 python3 gpu_torch.py "$BATCH" torch.tmp
    [ $? -eq 0 ] || result "PyTorch" "not all was measured"
    [ -f torch.tmp ] && cat torch.tmp >>"$RESULTS" && as_json
else
    result "PyTorch" "not installed, or finds no GPU"
fi
if command -v compute-sanitizer >/dev/null; then
    echo "--- compute-sanitizer"
    sanitize memcheck bfloat16
    sanitize racecheck bfloat16
    sanitize memcheck float32
    sanitize synccheck tf32
else
    result "compute-sanitizer" "not installed"
fi
apart=$(sed -n 's/^# largest difference.*: //p' check.log)
goal "layers from the processor" "$apart" "" 1e-5 1e-4 less
apart=$(sed -n 's/.*the same bits, \(.*\) from the processor/\1/p' same.float32.log)
goal "20 updates, same bits, from the processor" "$apart" "" 1e-5 1e-4 less
goal "step, times PyTorch eager bfloat16" "$(quicker bfloat16)" "" 2 1 more
goal "step, times PyTorch compiled bfloat16" "$(quicker "bfloat16, compiled")" "" 1.3 - more
face=$(for p in bfloat16 tf32 float32; do number "predict 1, $p"; done | sort -g | head -1)
goal "one face" "$face" " ms" .15 .3 less
ends
exit $failed
