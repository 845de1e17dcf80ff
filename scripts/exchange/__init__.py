"""Networks to and from other programs' files: ONNX, ncnn, stock Darknet."""
