"""Records that could not be understood: kept whole, with the reason, until a person mends or replays them."""
