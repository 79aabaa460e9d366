"""What is measured on networks and operators: overfitting, shifts, corruptions, information."""
