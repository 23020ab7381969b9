"""Lowers TFLite graphs to ONNX: NHWC outside, NCHW inside."""
