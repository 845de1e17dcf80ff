#!/bin/sh
# Installs the missing Debian packages for building, testing and the notebooks, and the packages
# named as arguments. Node.js and npm count as installed when their commands exist.
set -eu

missing=
for p in gcc make perl libc6-dev libjpeg-dev libpng-dev liblapacke-dev libxxhash-dev darknet python3 python3-numpy \
    python3-scipy python3-pil python3-matplotlib jupyter-nbconvert python3-ipykernel "$@"; do
    case $p in nodejs | npm) command -v "${p%js}" >/dev/null && continue ;; esac
    case $(dpkg-query -W -f='${Status}' "$p" 2>/dev/null || true) in
    *" installed") ;;
    *) case " $missing " in *" $p "*) ;; *) missing="$missing${missing:+ }$p" ;; esac ;;
    esac
done

if [ -z "$missing" ]; then
    echo "nothing to install"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "no apt-get here; install by hand: $missing" >&2
    exit 1
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "neither root nor sudo; install as root: $missing" >&2
        exit 1
    fi
    sudo=sudo
fi
echo "installing: $missing"
$sudo apt-get update -q
# shellcheck disable=SC2086 # $missing is a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
