"""What several rooms' tests share: processes, programs, workspaces and clocks to test with."""
