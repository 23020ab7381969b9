"""Scenarios as data: a TOML file says what is sent and when; one driver plays it and keeps a record of every call."""
