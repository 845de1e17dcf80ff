#!/bin/sh
# no_opencv.sh LIBDARKNET OUT [CC] - makes a small library that takes the place of OpenCV.
# libdarknet needs OpenCV only for its windows and videos, and this project uses neither. OpenCV
# brings 240 libraries; loading them takes ten times as long as the rest of a start of darknet.
# The folder OUT gets one library under the names of the OpenCV libraries that LIBDARKNET needs. Its
# functions, which have the names of OpenCV's, end the process with a message.
set -eu
from=$1 out=$2 cc=${3:-cc}
rm -rf "$out.new"
mkdir -p "$out.new"
{
    cat <<'END'
#include <stdio.h>
#include <stdlib.h>
static void none(const char *f)
{
    fprintf(stderr, "darknet: libdarknet calls %s of OpenCV: build with OPENCV=1\n", f);
    abort();
}
END
    nm -D --undefined-only "$from" | awk '$2 ~ /^_Z.*2cv|^cv[A-Z]/ {
        sub(/@.*/, "", $2); print "void " $2 "(void);\nvoid " $2 "(void) { none(\"" $2 "\"); }" }'
} >"$out.new/none.c"
$cc -shared -fPIC -O1 -o "$out.new/none.so" "$out.new/none.c"
for name in $(readelf -d "$from" | sed -n 's/.*(NEEDED).*\[\(libopencv_[^]]*\)\].*/\1/p'); do
    ln -s none.so "$out.new/$name"
done
rm -rf "$out"
mv "$out.new" "$out"
