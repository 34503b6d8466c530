"""The Helm chart, and what writes the one file of it that is computed: `python -m charts`."""
