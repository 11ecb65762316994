"""What the worker remembers, in SQL: cases, timeline, deadlines, progress. Written by the worker only; the web reads."""
