#!/bin/sh
# lint.sh - rules that grep can check: who includes what, who may print or exit, width of lines.
cd "$(dirname "$0")/.." || exit 1
bad=0

# complain RULE: prints the rule and the lines on stdin, if there are any.
complain() {
    lines=$(cat)
    [ -z "$lines" ] && return
    printf 'lint: %s\n%s\n' "$1" "$lines"
    bad=1
}

sources() { find darknet layers_ext tests -name '*.[ch]' | sort; }
below() { # what runs inside a library: everything but the commands
    find darknet layers_ext -name '*.[ch]' ! -path 'darknet/cmd/*' ! -path 'darknet/train/*' | sort
}

complain 'only darknet/host/*.c and tests/host/*.c may include darknet.h' <<END
$(sources | grep -vE '^(darknet|tests)/host/[^/]*\.c$' |
    xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]([^">]*/)?darknet\.h[">]' /dev/null)
END
includes() { # quoted includes of the files of one folder
    find "$1" -maxdepth 1 -name '*.[ch]' -exec \
        grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' /dev/null {} +
}
complain 'a layer may include only dnx*.h, kernels/*.h and common/*.h' <<END
$(includes layers_ext | grep -vE 'include[[:space:]]*"(dnx|dnx_[a-z]+|(kernels|common|common/[a-z]+)/[a-z0-9_]+)\.h"')
END
complain 'layers_ext/common may include only dnx*.h, kernels/*.h and its own headers' <<END
$(includes layers_ext/common 2>/dev/null |
    grep -vE 'include[[:space:]]*"((kernels|common|common/[a-z]+)/[a-z0-9_]+|dnx|dnx_[a-z]+)\.h"')
$(includes layers_ext/common 2>/dev/null |
    grep -E 'include[[:space:]]*"(cfg|net|opts|registry|weights|host[a-z_]*)\.h"')
END
complain 'a kernel may include only headers of layers_ext/kernels' <<END
$(includes layers_ext/kernels | grep -vE 'include[[:space:]]*"kernels/[a-z0-9_.]+\.[ch]"')
$(includes layers_ext/kernels |
    grep -E 'include[[:space:]]*"(dnx|cfg|net|opts|registry|weights|host[a-z_]*)\.h"')
END
complain 'only the commands may print or exit' <<END
$(below | xargs grep -nE '(^|[^a-zA-Z0-9_])(exit|_exit|abort|quick_exit|v?printf|puts|putchar|perror)[[:space:]]*\(' /dev/null |
    grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)' | grep -v 'format(printf')
$(below | xargs grep -nE '(fprintf|fputs|fputc|fwrite)[[:space:]]*\(.*(stderr|stdout)|fprintf[[:space:]]*\([[:space:]]*std' /dev/null)
END
complain 'a line has at most 100 columns' <<END
$(sources | xargs awk 'length($0) > 100 { print FILENAME ":" FNR ": " length($0) " columns" }')
END
[ "$bad" -eq 0 ] && echo 'lint: clean'
exit "$bad"
