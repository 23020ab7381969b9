"""What drives the graphs of a pack: numpy in, numpy out, one module a kind of model; none knows a model by name."""
