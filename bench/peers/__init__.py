"""Who is measured: other libraries and the course, behind the same questions."""
