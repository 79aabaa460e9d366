"""The à-trous form of a network (`model.dense=true`): no stride, and windows with holes behind each pool instead.

Every convolution and pool runs at stride 1 and reads cells that lie the product of all earlier strides apart
(Holschneider et al. 1989; Yu & Koltun 2016). Such a network has the parameters and the receptive field of its strided
twin and drops nothing; at every `dilation`-th cell its maps are those of the twin. `spec.plan` takes its windows from
here, `training.network` builds convolutions and pools with them, and `pool.dilation` dilates one operator alone.
"""

from __future__ import annotations

from poolscope.spec.geometry import Pair, Window, extent, per_axis


def spread_window(window: Window, dilation: Pair, strided: Pair, dense: Pair, *, torus: bool) -> Window:
    """Return a window of the strided network at stride 1, its cells and its padding `dilation` apart.

    Args:
        window: the strided network's.
        dilation: the product (h, w) of the strides before it.
        strided: height and width of the strided network's input of this layer.
        dense: height and width of the same map in the à-trous network.
        torus: maps without edges, whose padding goes so far around that the output is `dilation` times the stride
            times as long as the strided network's.
    """
    pads = []
    for axis, (before, after) in enumerate(window.pads(*strided)):
        gap = dilation[axis]
        if torus:
            output = window.output(*strided)[axis] * window.stride[axis] * gap
            spanned = extent(window.size[axis], gap * window.dilation[axis])
            pads.append((before * gap, output + spanned - 1 - dense[axis] - before * gap))
        else:
            pads.append((before * gap, after * gap))
    return Window(window.size, (1, 1), (pads[0], pads[1]), per_axis(lambda g, d: g * d, dilation, window.dilation))
