#!/bin/sh
# lint.sh - checks that the sources follow the rules of CONVENTIONS.md
cd "$(dirname "$0")/.." || exit 1
bad=0

# complain RULE: reads the lines that break RULE from stdin. Prints RULE and the lines, if any.
complain() {
    lines=$(cat)
    [ -z "$lines" ] && return
    printf 'lint: %s\n%s\n' "$1" "$lines"
    bad=1
}

sources() { find darknet layers_ext tests -name '*.[ch]' | sort; }
below() { # lists all C files of the product except those of the commands
    find darknet layers_ext -name '*.[ch]' ! -path 'darknet/cmd/*' | sort
}

complain 'only darknet/host/*.c and tests/host/*.c may include darknet.h' <<END
$(sources | grep -vE '^(darknet|tests)/host/[^/]*\.c$' |
    xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<]([^">]*/)?darknet\.h[">]' /dev/null)
END
complain 'a file may include only what lies below its folder' <<END
$(python3 tests/include_graph.py)
END
complain 'a function that one file uses is static, one that nothing uses goes' <<END
$(python3 tests/unused.py)
END
layers="$(ls layers_ext/*.c | sed 's#.*/##; s#\.c$##' | tr '\n' '|')kd_"
# Exceptions: netron.c and view.c name layers, because they write a cfg for the viewer Netron.
complain 'generic code knows no layer by its name: use a member of its type' <<END
$(find darknet -name '*.[ch]' ! -path 'darknet/host/*' ! -name netron.c ! -name view.c |
    xargs grep -nE "\"($layers)\"" /dev/null)
$(find darknet layers_ext/common -name '*.c' ! -path 'darknet/host/*' ! -path 'darknet/cmd/*' |
    xargs grep -nE "\"\[($layers)\]|\"[^\"]* no \[($layers)\]" /dev/null)
END
complain 'darknet/dnx.h has at most 130 lines: an author reads all of it' <<END
$(awk 'END { if (NR > 130) print FILENAME ": " NR " lines" }' darknet/dnx.h)
END
complain 'only the commands may print or exit' <<END
$(below | xargs grep -nE '(^|[^a-zA-Z0-9_])(exit|_exit|abort|quick_exit|v?printf|puts|putchar|perror)[[:space:]]*\(' /dev/null |
    grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//)' | grep -v 'format(printf')
$(below | xargs grep -nE '(fprintf|fputs|fputc|fwrite)[[:space:]]*\(.*(stderr|stdout)|fprintf[[:space:]]*\([[:space:]]*std' /dev/null)
END
# Exception: cmd/main.c opens /dev/null.
complain 'only darknet/base writes files: use outfile.h or growfile.h' <<END
$(find darknet layers_ext -name '*.c' ! -path 'darknet/base/*' | sort |
    xargs grep -nE '(^|[^_a-z])(fopen|fdopen)[[:space:]]*\(.*, "[^"]*[wa+]|(^|[^_a-z])(open|openat|creat)[[:space:]]*\(.*(O_WRONLY|O_RDWR|O_CREAT)' /dev/null |
    grep -vE '^darknet/cmd/main\.c:.*"/dev/null"')
END
scripts() { find scripts tests -name '*.py' | sort; }
complain 'a line has at most 100 columns' <<END
$({ sources; scripts; } | xargs awk 'length($0) > 100 { print FILENAME ":" FNR ": " length($0) " columns" }')
END
complain 'a brace opens at the end of a line, not on its own' <<END
$(sources | xargs grep -nE '^[[:space:]]*\{$' /dev/null)
END
complain 'no tab, and no blank at the end of a line' <<END
$({ sources; scripts; } | xargs grep -nE "$(printf '\t')|[[:space:]]\$" /dev/null)
END
# have PROGRAM NOTE: returns false and prints NOTE when PROGRAM is missing.
have() {
    command -v "$1" >/dev/null && return
    echo "lint: $1 is not installed: $2" >&2
    return 1
}
if have pycodestyle 'the style of Python is not checked'; then
    complain 'Python as tests/pycodestyle.cfg says' <<END
$(scripts | xargs pycodestyle --config=tests/pycodestyle.cfg)
END
fi
if have pyflakes3 'unused names in Python are not checked'; then
    complain 'Python has no unused import and no unknown name' <<END
$(scripts | xargs pyflakes3)
END
fi
checks_format=1
if [ "$checks_format" ] && have clang-format-14 'the format of C is not checked'; then
    complain 'C as .clang-format says: make format' <<END
$(sh tests/format.sh)
END
fi
[ "$bad" -eq 0 ] && echo 'lint: clean'
exit "$bad"
