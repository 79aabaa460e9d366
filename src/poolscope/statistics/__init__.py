"""From tables to arms, contrasts, claims and verdicts."""
