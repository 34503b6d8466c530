"""The running process: it wires rooms, threads, signals and reloads, and holds no logic of theirs."""
