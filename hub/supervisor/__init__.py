"""The supervisor of `hub up`: keeps every process of a settings file running on one machine.

`plan` says which processes, `restarts` what follows when one ends, both pure; `supervise` does it, `screen` shows it.
"""
