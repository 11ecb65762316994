"""What a request needs: journeys and their clocks, read from files, checked, drawn, simulated."""
