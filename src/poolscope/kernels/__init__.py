"""Fast paths for XLA on CPU; without them only speed is lost."""
