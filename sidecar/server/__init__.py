"""The gateway process: the event loop and nothing slow."""
