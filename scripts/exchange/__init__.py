"""Converts networks to and from the files of other programs: ONNX, ncnn, stock Darknet."""
