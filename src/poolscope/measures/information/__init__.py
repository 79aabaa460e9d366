"""What pooling keeps and what it loses: pure functions on arrays, each returning a value, its unit and how to judge it.

    reconstruction_r2                    I1  content: how much of a map a linear probe can rebuild
    aliasing_ratio, radial_spectrum      I2  energy that subsampling puts on wrong frequencies
    label_information                    I3  bits about the label that a probe can extract
    location_error, location_phase       I4  where something is, in pixels
    participation_ratio, effective_rank  I5  dimensions still in use

Degenerate input (constant images, one class, fewer samples than features, all-zero features) gives NaN and a reason.
"""

from poolscope.measures.information.binned import pixel_entropy, plug_in_information
from poolscope.measures.information.dimension import Dimension, effective_rank, participation_ratio
from poolscope.measures.information.estimate import Estimate, Parts, divide_groups, divide_rows
from poolscope.measures.information.labels import Information, label_information, project_features
from poolscope.measures.information.location import (
    Location,
    Phase,
    Stimuli,
    location_error,
    location_phase,
    paste_glyphs,
)
from poolscope.measures.information.reconstruction import (
    Ceiling,
    Rebuilt,
    Reconstruction,
    peak_signal_to_noise,
    principal_ceiling,
    reconstruction_r2,
)
from poolscope.measures.information.spectra import (
    Aliasing,
    Spectrum,
    aliasing_ratio,
    band_fidelity,
    radial_spectrum,
)

__all__ = [
    "Aliasing",
    "Ceiling",
    "Dimension",
    "Estimate",
    "Information",
    "Location",
    "Parts",
    "Phase",
    "Rebuilt",
    "Reconstruction",
    "Spectrum",
    "Stimuli",
    "aliasing_ratio",
    "band_fidelity",
    "divide_groups",
    "divide_rows",
    "effective_rank",
    "label_information",
    "location_error",
    "location_phase",
    "participation_ratio",
    "paste_glyphs",
    "peak_signal_to_noise",
    "pixel_entropy",
    "plug_in_information",
    "principal_ceiling",
    "project_features",
    "radial_spectrum",
    "reconstruction_r2",
]
