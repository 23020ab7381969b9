"""What a sidecar must survive: hours of work, killed processes, hostile messages, crowds. Figures, not hopes."""
