"""`poolscope bench`: poolscope beside plain Flax and PyTorch, each in a process of its own, asked in turn.

networks     the networks, images and weights that every contender gets
by_poolscope, by_flax, by_torch, by_command     the contenders: prepare_*() -> a callable that does one repetition
first_step, flax_run   programs that run as processes: `poolscope train` to its first step; a run in plain Flax
child        a contender's process: JSON lines in, JSON lines out
rounds       the parent: A, B, C, A, B, C, ...; ratios per round, medians over rounds
suites       what is compared with what
bench        the command: runs suites, writes their tables
page         the tables to figures and a report (the reading half: no JAX)
"""
