"""Vitrine: an inference sidecar for VR shopping."""

__version__ = "0.1.0"
