"""Where a call's time went, process by process: spans, the ring that keeps them, the Trace Event Format, merging."""
