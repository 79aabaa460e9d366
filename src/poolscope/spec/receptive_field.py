"""The receptive field: how many input pixels a cell of a map depends on, and how far apart its neighbours' fields lie.

Formulas for an axis (Araujo et al. 2019), from the images, where r_0 = j_0 = 1, through layers l of window k_l, stride
s_l and dilation d_l:

    r_l = r_{l-1} + d_l (k_l - 1) j_{l-1}        receptive field in input pixels
    j_l = j_{l-1} s_l                            jump: input pixels between the fields of neighbouring cells
"""

from __future__ import annotations

from dataclasses import dataclass

from poolscope.spec.geometry import Pair, Window, per_axis


@dataclass(frozen=True)
class ReceptiveField:
    """The size and the jump of the receptive field of a map's cells, each (h, w) in input pixels."""

    size: Pair = (1, 1)
    jump: Pair = (1, 1)

    def after(self, window: Window, cells: Pair | None = None) -> ReceptiveField:
        """Return the receptive field behind a window.

        cells: how many cells (h, w) an output depends on, where it isn't as many as the window has.
        """
        cells = cells or window.size
        size = per_axis(lambda r, k, d, j: r + d * (k - 1) * j, self.size, cells, window.dilation, self.jump)
        return ReceptiveField(size, per_axis(lambda j, s: j * s, self.jump, window.stride))
