"""Who may see and have what: callers by keyed hash, asked of Hex with the token of each."""
