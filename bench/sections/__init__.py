"""What is measured: each module has `measure_section()`, which returns goals and details."""
