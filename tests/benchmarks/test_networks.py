"""The reference networks: their images, weights, and how poolscope would be asked for them."""

from __future__ import annotations

import numpy as np
from small_contenders import SMALL

from poolscope.benchmarks.networks import (
    NETWORKS,
    draw_weights,
    make_batches,
    read_network,
    sample_map,
    write_overrides,
)
from poolscope.spec.compose import compose_runs
from poolscope.spec.plan import plan_network


def test_batches_are_the_images_in_the_order_in_which_an_epoch_takes_them() -> None:
    network = SMALL["digits"]
    batches, labels = make_batches(network)
    assert batches.shape == (3, 8, 8, 8, 1) and labels.shape == (3, 8)
    assert batches.dtype == np.float32
    assert abs(float(batches.mean())) < 0.1 and abs(float(batches.std()) - 0.962) < 0.05  # uniform: 1 / sqrt(12) / 0.3


def test_a_network_survives_its_way_to_a_process_as_json() -> None:
    for network in NETWORKS.values():
        assert read_network(network.options(loop="step")) == network


def test_weights_and_overrides_are_those_of_one_network() -> None:
    network = SMALL["digits"]
    weights = draw_weights(network)
    (config,) = compose_runs(write_overrides(network, "synthetic")).configs
    plan = plan_network(config, network.shape, 10)
    assert sum(array.size for layer in weights.values() for array in layer.values()) == plan.parameters
    kernels = [layer["kernel"] for layer in weights.values()]
    for kernel in kernels[:-1]:
        fan_in = kernel[..., 0].size
        assert abs(float(kernel.std()) / np.sqrt(2 / fan_in) - 1) < 0.3


def test_maps_are_the_same_for_the_same_seed() -> None:
    one, again, other = (sample_map((2, 3, 4), seed) for seed in (0, 0, 1))
    assert one.dtype == np.float32 and one.shape == (2, 3, 4)
    assert (one == again).all() and (one != other).all()
