"""Networks written as ONNX node by node: no framework, the same bytes from the same weights on every machine."""
