"""Whether an earlier run answers a request: run requests, fingerprints, results, hits."""
