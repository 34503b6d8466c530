"""Pure functions from facts and a clock to answers; no I/O of any kind."""
