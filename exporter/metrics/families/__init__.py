"""The metric families of one page, one file a concept."""
