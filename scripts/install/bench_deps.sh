#!/bin/sh
# Installs what `make bench` and tests/oracle compare with. Debian does not have ONNX Runtime: npm
# installs it into build/bench/node_modules (300 MB).
set -eu
cd "$(dirname "$0")/../.."
ort=onnxruntime-node@1.30.0
folder=build/bench

sh scripts/install/deps.sh python3-torch python3-onnx python3-opencv nodejs npm

# npm writes .package-lock.json last, so an entry in it shows that the package is complete
if grep -sA1 '"node_modules/onnxruntime-node"' $folder/node_modules/.package-lock.json |
    grep -q "\"version\": \"${ort#*@}\""; then
    echo "$ort is in $folder/node_modules"
    exit 0
fi
echo "installing $ort into $folder/node_modules (300 MB) from the npm registry"
mkdir -p $folder
# --ignore-scripts: the package's install script only downloads libraries for NVIDIA GPUs, which
# no benchmark uses
npm install --prefix $folder --ignore-scripts --no-save --no-audit --no-fund $ort
