"""Tables, figures and pages from statistics."""
