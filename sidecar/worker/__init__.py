"""Engine worker processes: what runs inside one, and how the gateway starts, feeds and mends them."""
