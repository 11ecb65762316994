"""What the simulator is made of: how it speaks (`soap`), what it remembers (`records`)."""
