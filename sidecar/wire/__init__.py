"""The wire contract, version 1: messages, codec, the connection as a state machine, the shared-memory lane."""
