"""What is wrong with a configuration, a token or a workspace, found by asking before `serve` does."""
