"""Brings packs into the registry: fetch, convert in an environment of its own, verify, publish."""
