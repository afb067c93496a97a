"""Rules on gradients: vanishing, exploding, zero."""
