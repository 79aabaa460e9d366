"""What is refused before any job of a sweep trains: networks, data, devices and measurements that can't be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rich.console import Console

from poolscope.commands.arguments import prepare_backend
from poolscope.process.terminal import open_console
from poolscope.spec.compose import Composed, describe_job
from poolscope.spec.config import RunConfig
from poolscope.spec.errors import PoolscopeError
from poolscope.spec.plan import Plan, plan_network
from poolscope.store.finished import FinishedRuns, identify


def check_jobs(configs: Sequence[RunConfig], finished: FinishedRuns, console: Console) -> int:
    """Refuse, before any training, what can't work in any job; returns how many runs aren't done yet.

    Looks at the data sets' shapes, every network's plan, training-set sizes, and at what is done already.
    """
    from poolscope.data.datasets import check_dataset, check_readable

    plans = [_plan_training(config) for config in configs]
    lacking: dict[int, int] = {}
    for job, config in enumerate(configs):
        if count := sum(finished.lacks(identify(config, seed)) for seed in config.seeds):
            lacking[job] = count
    sizes = {job: check_dataset(configs[job].data) for job in lacking}
    tried: set[str] = set()
    if lacking:
        prepare_backend()
    for job, size in sizes.items():
        _check_devices(configs[job], plans[job], size, tried)
        _check_measurable(configs[job])
    notes = [sentence for plan in plans for sentence in plan.remainders]
    for data in {str(configs[job].data): configs[job].data for job in lacking}.values():
        notes += check_readable(data)
    for sentence in dict.fromkeys(notes):
        console.print(f"note: {sentence}", style="yellow", soft_wrap=True)
    return sum(lacking.values())


def leave_out_impossible(composed: Composed) -> Composed:
    """Leave out the jobs whose network can't be, where that was asked for; raises PoolscopeError where none is left."""
    from poolscope.data.datasets import describe_dataset

    if not composed.skips:
        return composed
    kept, left_out, first = [], list(composed.left_out), None
    for place, (config, job) in enumerate(zip(composed.configs, composed.jobs, strict=True)):
        describe_dataset(config.data)  # what it refuses is no impossible combination
        try:
            _plan_training(config)
            kept.append(place)
        except PoolscopeError as error:
            first = first or error
            left_out.append((describe_job(job, composed.jobs), str(error)))
    if first and not kept:
        raise first
    configs, jobs = [composed.configs[place] for place in kept], [composed.jobs[place] for place in kept]
    return replace(composed, configs=configs, jobs=jobs, left_out=left_out)


def print_left_out(left_out: Sequence[tuple[str, str]]) -> None:
    """Print which jobs of a sweep are left out as impossible, the first three of them with the reason."""
    if count := len(left_out):
        named = "; ".join(f"{job} ({reason.rstrip('.')})" for job, reason in left_out[:3])
        more = f"; and {count - 3} more" if count > 3 else ""
        open_console(stderr=True).print(
            f"Left out as impossible, {count}: {named}{more}.", style="yellow", soft_wrap=True
        )


def _plan_training(config: RunConfig) -> Plan:
    """The network's plan; refuses what the size of the images or the lack of a classifier makes impossible."""
    from poolscope.data.datasets import describe_dataset

    shape, classes = describe_dataset(config.data)
    plan = plan_network(config, shape, classes)
    if config.model.head == "none":
        raise PoolscopeError("model.head=none has no classifier to train; use it with `poolscope show` only.")
    if config.train.shift >= min(shape[:2]):
        raise PoolscopeError(f"train.shift must be below the images' side, {min(shape[:2])}, not {config.train.shift}.")
    return plan


def _check_measurable(config: RunConfig) -> None:
    """Refuse so few images that what is asked for can't be measured on them."""
    from poolscope.data.datasets import count_images
    from poolscope.measures.columns import SETS
    from poolscope.measures.stages import check_counts

    if any(name.startswith("stages_") for name in SETS[config.measure.name]):
        counts = count_images(config.data)
        check_counts(counts["data.val"], counts["data.test"])


def _check_devices(config: RunConfig, plan: Plan, train_size: int, tried: set[str]) -> None:
    """Refuse a batch that these devices can't share, and an option value that the operator can't work with."""
    import jax

    from poolscope.pooling import make_pool
    from poolscope.training.devices import make_mesh
    from poolscope.training.memory import check_memory

    make_mesh(config.train, train_size)
    check_memory(config, plan)
    before = next((before for before, layer in pairwise(plan.layers) if layer.kind == "pool"), None)
    if before is None or str(config.pool) in tried:
        return
    tried.add(str(config.pool))
    maps = jax.ShapeDtypeStruct((1, *before.output), jax.numpy.float32)
    jax.eval_shape(
        lambda x, key: make_pool(config.pool, x.shape[3], rngs=key)(x, rngs=key, deterministic=False),
        maps,
        jax.random.key(0),
    )
