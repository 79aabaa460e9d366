"""Mid-range pooling, a data set of stripes and the norm of the weights."""
