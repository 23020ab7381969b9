"""Group `language`: text to vectors, and two chat models, from package registries."""
