"""Whether a process works: metrics, the health port, the watchdog."""
