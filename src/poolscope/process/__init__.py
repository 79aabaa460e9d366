"""The process a command runs in: how signals end it, and how it prints."""
