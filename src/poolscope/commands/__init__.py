"""What each command does once it is dispatched: parse, run, print. Only here and in benchmarks do the halves meet."""
