"""Ways from a source folder to ONNX files; one module a route, and none knows a model by name."""
