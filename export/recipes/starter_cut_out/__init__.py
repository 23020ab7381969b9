"""Starter packs of the group `opt-in`; one data file a pack."""
