"""What a study leaves on disk: records, tables, locks, atomic files."""
