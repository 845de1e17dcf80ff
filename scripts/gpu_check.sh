#!/bin/sh
# gpu_check.sh [FOLDER] - checks and times the GPU code on a machine with a GPU and its driver:
# compares the layers with the processor's, looks for faults in memory with NVIDIA's
# compute-sanitizer, and times passes beside PyTorch, if these two are installed. `make gpu-check`
# makes FOLDER (build/gpu-check), which needs no other file of the project. It takes less than four
# minutes. The exit status is 1 when the layers do not agree.
set -u
cd "${1:-$(dirname "$0")}" || exit 1
limit() { timeout "$@"; ended=$?; [ $ended -ne 124 ] || echo "stopped after $1 s"; return $ended; }

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null
echo "--- agreement with the processor (float32 to 1e-5)"
limit 60 ./check >check.log
agrees=$?
grep -v '^ok' check.log
if command -v compute-sanitizer >/dev/null; then
    echo "--- compute-sanitizer"
    limit 60 compute-sanitizer --tool memcheck ./measure tiny.cfg 2 float32 step 2>&1 | tail -3
    limit 60 compute-sanitizer --tool racecheck ./measure tiny.cfg 2 bfloat16 step 2>&1 | tail -3
fi
echo "--- milliseconds"
for precision in float32 tf32 bfloat16; do
    limit 30 ./measure mobilefacenet.cfg 256 $precision step
    limit 15 ./measure mobilefacenet.cfg 256 $precision predict
done
limit 15 ./measure mobilefacenet.cfg 1 float32 predict
if python3 -c 'import torch' 2>/dev/null; then limit 80 python3 gpu_torch.py; fi
exit $agrees
