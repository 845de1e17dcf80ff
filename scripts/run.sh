#!/bin/sh
# run.sh - trains the half-width MobileFaceNet on a folder of faces and measures it on LFW.
#   FACES  a folder with a folder of 112 x 112 JPEG images for each identity
#   LFW, PAIRS  aligned LFW images and the official pairs.txt; without them nothing is measured
#   OUT    where everything goes; a run that was interrupted goes on from its checkpoint
set -eu
if [ -z "$FACES" ]; then
    echo "make run FACES=folder [LFW=folder PAIRS=file] [OUT=run]: FACES is missing" >&2
    exit 2
fi
mkdir -p "$OUT"
classes=$(find -L "$FACES/" -mindepth 1 -maxdepth 1 -type d | wc -l)
printf 'classes=%d\ntrain=%s\nbackup=%s\n' "$classes" "$FACES" "$OUT" > "$OUT/faces.data"
sed "s/^classes=.*/classes=$classes/" cfg/mobilefacenet-half-am.cfg > "$OUT/net.cfg"
resume=
if [ -f "$OUT/net.state" ]; then resume=-resume; fi
bin/darknet classifier train "$OUT/faces.data" "$OUT/net.cfg" $resume
"$PYTHON" scripts/plot_training.py "$OUT/net.csv" "$OUT/training.png"
echo "curves: $OUT/training.png"
if [ -n "$LFW" ]; then
    "$PYTHON" scripts/eval_lfw.py "$OUT/net.cfg" "$OUT/net.weights" "$LFW" "$PAIRS" --out "$OUT/lfw"
fi
