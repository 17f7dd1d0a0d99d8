"""The room `probe`."""
