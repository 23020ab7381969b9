"""Starter packs of the group `style`; one data file a pack."""
