"""The parent of the stub."""
