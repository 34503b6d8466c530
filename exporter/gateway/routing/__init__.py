"""What a request is for, and the frame of its answer: paths, headers, links, error bodies."""
