"""The way to Hex: one paced request of a caller at a time."""
