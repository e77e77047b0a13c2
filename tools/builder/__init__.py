"""Builds the notebooks of the course from `lessons/NN_slug.py`, one way only.

cell.py       one cell of a source, and the error that names its line
exercise.py   the form of an exercise; takes its solution out
lesson.py     reads a source and says what is wrong with it
contents.py   which cells a notebook gets: the student copy and the answer booklet
execute.py    runs a notebook in a fresh kernel and cleans what it printed
freshness.py  tells whether a notebook's outputs still belong to its code
store.py      reads, writes and compares notebook files
"""
