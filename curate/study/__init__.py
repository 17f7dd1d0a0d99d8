"""Asks whether a curriculum pays, why a stage fails, and makes and compares editions."""
