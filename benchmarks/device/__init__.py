"""What installed models cost on the GPU that is here: loading, runs, memory, and how far answers are from the CPU's."""
