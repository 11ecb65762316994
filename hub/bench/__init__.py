"""How fast this hub is here: a story of real cases, and the real worker's measured way through it."""
