"""Which messages of the outbox may be claimed, as conditions in SQL."""

FREE = (
    "((o.state = 'new' AND (o.due <= ? OR o.updated > ?))"
    " OR (o.state = 'sending' AND (o.lease_until <= ? OR is_gone(o.owner))))"
)
"""Nobody is sending it: parameters are the time, the latest time noted by a clock to be trusted,
and the time again."""

MINE = (
    "(o.queued_by = ? OR (m.run_key = '' AND NOT o.private)"
    " OR (m.run_key IN (SELECT value FROM json_each(?)) AND"
    # A system that cannot name its processes does not tell when one is gone.
    " (NOT o.private OR is_gone(o.queued_by) OR (o.queued_by LIKE '/%' AND o.updated <= ?))))"
)
"""This supervisor may send it: parameters are its name, the runs that it follows as a list in
JSON, and since when what another one queued counts as abandoned."""
