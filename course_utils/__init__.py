"""The companion package of the course "Two ways to generate, side by side".

Import the part that you need, for example ``from course_utils import diffusion``: nothing is loaded
before.
"""

__version__ = "0.1.0"
