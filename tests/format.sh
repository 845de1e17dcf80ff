#!/bin/sh
# format.sh [-i] - lists the C files that clang-format would change; -i changes them. It needs
# version 14, because other versions break some lines at other places.
cd "$(dirname "$0")/.." || exit 1
format=$(command -v clang-format-14) || { echo "needs clang-format-14: make lint-deps" >&2; exit 2; }
find darknet layers_ext tests -name '*.[ch]' -o -name '*.cc' -o -name '*.cu' | sort |
    if [ "$1" = -i ]; then
        xargs "$format" -i
    else
        xargs "$format" --dry-run 2>&1 | sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: warning: .*/\1/p' | uniq
    fi
