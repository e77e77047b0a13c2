"""Stands in for the package that only Colab has, so that a lesson believes it is there."""
