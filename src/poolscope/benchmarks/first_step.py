"""`poolscope train` until its first step is done: `python -m poolscope.benchmarks.first_step train key=value ...`."""

from __future__ import annotations

import os
import runpy
from typing import Any

STATUS = 17  # with which the process ends once the step is done


def end_after_first_step() -> None:
    """Make the Trainer end the process after the first steps that it takes."""
    import jax

    from poolscope.training.trainer import Trainer

    advance = Trainer.advance

    def end(*given: Any) -> None:
        jax.block_until_ready(advance(*given)[1])
        os._exit(STATUS)

    Trainer.advance = end  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    end_after_first_step()
    runpy.run_module("poolscope", run_name="__main__")
