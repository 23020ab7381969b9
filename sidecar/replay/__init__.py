"""Recording what the workers answer, and answering from such a recording without them."""
