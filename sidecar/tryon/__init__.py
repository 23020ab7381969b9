"""Real-time try-on without a diffusion model: landmarks, fitted garments and glasses, and the pictures they give.

Everything here is numpy in, numpy out; models arrive as callables, time as an argument.
"""
