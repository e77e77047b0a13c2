"""Notebooks that run alone: each carries the package and the weights that its lesson needs."""
