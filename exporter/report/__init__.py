"""The week, the digest, the bill and the audit as tables, and their forms: table, JSON, CSV, Markdown."""
