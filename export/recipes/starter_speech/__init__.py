"""Group `speech`: where somebody speaks, and what is said, from package registries."""
