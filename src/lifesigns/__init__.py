"""Tells whether a PyTorch network can learn: activations, initialisation and loss."""

__version__ = "0.1.0"
