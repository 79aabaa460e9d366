"""Images and labels: data sets, TFDS, split strings, the cache of decoded arrays."""
