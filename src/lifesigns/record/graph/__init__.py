"""What happened in a step: the autograd graph, the modules its nodes ran in, its sites."""
