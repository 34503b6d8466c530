"""Who may see and have what: callers by keyed hash, their rights read from Hex with the token of each."""
