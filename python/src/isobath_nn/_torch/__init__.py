"""Networks of PyTorch, which is imported here and nowhere else."""
