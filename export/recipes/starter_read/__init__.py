"""Starter packs of the group `read`; one data file a pack."""
