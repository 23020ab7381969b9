"""Frame times that other tools recorded: read by header, compared with AI on and off, lined up with a result."""
