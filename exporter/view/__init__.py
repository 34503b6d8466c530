"""One workspace at one moment, read from the ledger: what is known, how complete it is, and what it costs."""
