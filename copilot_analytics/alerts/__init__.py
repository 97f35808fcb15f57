"""What a person is told: whether (policy), what of it is on record (ledger) and how (channels)."""
