"""poolscope: what pooling does to convolutional networks."""

__version__ = "0.1.0"
