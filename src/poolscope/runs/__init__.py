"""One configuration and seed, from its configuration to its record."""
