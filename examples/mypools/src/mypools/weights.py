"""How large a network's weights have become."""

from __future__ import annotations

import jax
import numpy as np

from poolscope.measures.network import Subject
from poolscope.spec.extensions import measurement


@measurement("weight_norm", columns=[("weight_norm", "none", "Euclidean norm of all trained weights")], cost="nothing")
def measure_weight_norm(subject: Subject) -> dict[str, float]:
    """Euclidean norm of all trained weights."""
    leaves = jax.tree.leaves(subject.trained.final.params)
    return {"weight_norm": float(np.sqrt(sum(float((np.asarray(leaf) ** 2).sum()) for leaf in leaves)))}
