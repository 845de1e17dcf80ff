#!/bin/sh
# test_pack.sh - compress pack and unpack, and the output of check about 1-bit parameters.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
darknet=bin/darknet cfg=cfg/resnet-face-small-xnor.cfg

status() { "$@" >"$dir/out" 2>"$dir/err"; echo $?; }

check init 0 "$(status $darknet init $cfg "$dir/a.weights")"
check pack 0 "$(status $darknet compress pack $cfg "$dir/a.weights" "$dir/a.packed")"
check half 0 "$(status $darknet compress pack $cfg "$dir/a.weights" "$dir/h.packed" -half)"
size=$(wc -c <"$dir/a.weights") half=$(wc -c <"$dir/h.packed")
check "half is 1/20 of float32" 1 "$((half * 20 <= size))"
check unpack 0 "$(status $darknet compress unpack "$dir/a.packed" $cfg "$dir/b.weights")"
check "pack again" 0 "$(status $darknet compress pack $cfg "$dir/b.weights" "$dir/b.packed")"
check "the same bytes again" 0 "$(status cmp "$dir/a.packed" "$dir/b.packed")"
check "unpacked size" "$size" "$(wc -c <"$dir/b.weights")"
check bench 0 "$(status $darknet bench $cfg "$dir/a.packed" -runs 1 -threads 1)"
check "check" 0 "$(status $darknet check $cfg "$dir/a.packed")"
check "1-bit parameters" "  1-bit          2,036,736 parameters, the others 43,872 of 32 bits" \
    "$(grep 1-bit "$dir/out" | head -1)"
check "operations" "  operations     95,846,400 multiply-adds of bits, 0 additions (1-bit weights), \
2,746,368 of 32 bits" "$(grep operations "$dir/out")"
check "sizes" "on disk          $size bytes; packed $(wc -c <"$dir/a.packed"), with half precision \
$half" "$(grep 'on disk' "$dir/out" | tr -d ,  | sed 's/packed \([0-9]*\)/packed \1,/')"
check "bwn" 0 "$(status $darknet check cfg/resnet-face-small-bwn.cfg)"
check "bwn operations" "  operations     0 multiply-adds of bits, 95,846,400 additions (1-bit \
weights), 2,746,368 of 32 bits" "$(grep operations "$dir/out")"

cp "$dir/b.weights" "$dir/kept"
head -c 1000 "$dir/a.packed" >"$dir/short.packed"
check "cut short" 1 "$(status $darknet compress unpack "$dir/short.packed" $cfg "$dir/b.weights")"
check "cut short: text" \
    "$dir/short.packed: packed file cut short: 1000 bytes, its header says $(wc -c <"$dir/a.packed")" \
    "$(cat "$dir/err")"
check "another network" 1 \
    "$(status $darknet compress unpack "$dir/a.packed" cfg/mobilefacenet.cfg "$dir/b.weights")"
check "another network: text" \
    "$dir/a.packed: packed file of another network: of 22 layers, this one has 66" \
    "$(sed 's/has [0-9]*/has 66/' "$dir/err")"
check "nothing is overwritten" 0 "$(status cmp "$dir/kept" "$dir/b.weights")"
check "no folder" 1 "$(status $darknet compress pack $cfg "$dir/a.weights" "$dir/none/a.packed")"
summary
