"""The way to Hex: one paced request of a caller at a time, and waiting with a deadline."""
