"""Source models in plain numpy, float32, straight from their weight files: what converted graphs are held against.

Written apart from `graphs`, after the models' papers, so that a mistake in one does not hide in the other.
"""
