"""What a run is, in plain Python: configuration, geometry, operators, the plan of a network."""
