"""Whether an earlier or a running run answers a request: run requests, fingerprints, hits."""
