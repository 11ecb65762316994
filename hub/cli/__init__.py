"""The commands of `hub`, one module each, imported only when called."""
