"""What all sections share: goals, clocks, turns, processes, the table and the figure."""
