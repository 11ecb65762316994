"""Where a request goes and what became of it: the worker, the edges, the web, the commands."""
