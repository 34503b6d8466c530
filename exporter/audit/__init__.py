"""The input of the audit, read from the ledger, and the hourly audit of each workspace."""
