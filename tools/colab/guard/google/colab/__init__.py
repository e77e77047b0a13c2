"""Stands in for the package of that name, which only Colab has: so a lesson believes it is there."""
