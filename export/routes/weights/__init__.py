"""Readers of weight files that are data and nothing else: bounded, checked, mapped rather than copied."""
