"""Models and time: packs, the ONNX Runtime behind one door, the scheduler."""
