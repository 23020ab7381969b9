"""Turns published weights into packs that serving can load. Runs in an environment of its own, never beside serving."""
