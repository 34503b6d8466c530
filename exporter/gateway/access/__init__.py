"""Who may do what: callers by keyed hash, asked of Hex with the token of each."""
