"""An invented council, to see the hub work."""
