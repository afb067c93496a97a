"""What is measured of a step: sums of tensors, parameters, the origin of a NaN."""
