"""How each legacy system is read and written; one folder per system, the shared kit in `sdk`."""
