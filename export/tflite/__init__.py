"""Reads TFLite flatbuffers into plain, typed graphs."""
