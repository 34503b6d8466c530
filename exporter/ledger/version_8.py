"""What version 8 of the ledger adds: the part of a saving that is the owners' own estimate. Never edited once released.

Of earlier savings the parts are not known: those of projects are taken for estimates, so that none passes for cash.
"""

COLUMNS = (
    "ALTER TABLE findings ADD COLUMN saving_estimate_micro BIGINT",
    "ALTER TABLE findings ADD COLUMN realised_estimate_micro BIGINT",
)
"""The new columns."""

FILL = """
    UPDATE findings SET saving_estimate_micro = saving_micro, realised_estimate_micro = realised_micro
    WHERE kind NOT IN ('idle_paid_seat', 'costly_role', 'costly_plan')
"""

VIEWS = (
    """
    CREATE TEMPORARY VIEW findings AS
    SELECT found.*, part.saving AS saving_estimate_micro, part.realised AS realised_estimate_micro
    FROM main.findings AS found LEFT JOIN (
        SELECT workspace, kind, subject, saving_micro AS saving, realised_micro AS realised FROM main.findings
        WHERE kind NOT IN ('idle_paid_seat', 'costly_role', 'costly_plan')
    ) AS part ON (part.workspace, part.kind, part.subject) = (found.workspace, found.kind, found.subject)
    """,
)
"""The findings of an older ledger with the new columns, for one connection that only reads."""
