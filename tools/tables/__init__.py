"""What the repository says of its lessons, read from them: tables nobody writes by hand."""
