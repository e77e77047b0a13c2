"""What a lesson needs to draw: ``plots.curves(...)``, ``plots.image_row(...)``, ``plots.CLEAN``.

Each function returns a figure, and a cell shows it once.
"""

from course_utils.notebook.plots.charts import bars, histogram, scatter, strips
from course_utils.notebook.plots.figures import Picture, panels, png
from course_utils.notebook.plots.lines import curves, label_lines, loss_curve
from course_utils.notebook.plots.matrices import heatmap
from course_utils.notebook.plots.moving import Animation, Player, animation, clouds, player
from course_utils.notebook.plots.pictures import image_grid, image_row
from course_utils.notebook.plots.style import (
    ACCENTS,
    CLEAN,
    CONTROL,
    DASHED,
    GREY,
    MODEL,
    NOISY,
    ORANGE,
    PURPLE,
    REFERENCE,
    SKY,
    SQUARE,
    WIDE,
)
from course_utils.notebook.plots.tallies import tally

__all__ = [
    "ACCENTS",
    "CLEAN",
    "CONTROL",
    "DASHED",
    "GREY",
    "MODEL",
    "NOISY",
    "ORANGE",
    "PURPLE",
    "REFERENCE",
    "SKY",
    "SQUARE",
    "WIDE",
    "Animation",
    "Picture",
    "Player",
    "animation",
    "bars",
    "clouds",
    "curves",
    "heatmap",
    "histogram",
    "image_grid",
    "image_row",
    "label_lines",
    "loss_curve",
    "panels",
    "player",
    "png",
    "scatter",
    "strips",
    "tally",
]
