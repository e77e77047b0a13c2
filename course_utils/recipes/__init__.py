"""Models that train longer than a lesson may, each as the recipe that makes it.

A lesson that needs one says ``recipes.load("digits")``: the weights come with the package. How they
were made stands in the module of that name, as ``RECIPE``; ``make checkpoints ONLY=digits`` makes
them again.
"""

from course_utils.recipes.recipe import Recipe, find, load, names

__all__ = ["Recipe", "find", "load", "names"]
