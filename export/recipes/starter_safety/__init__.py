"""Starter packs of the group `safety`; one data file a pack."""
