"""What the simulated database is made of: councils, tables with their triggers, invented rows."""
