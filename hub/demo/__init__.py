"""`hub demo`: an invented council with three simulated legacy systems, and requests from its invented citizens.

`council` invents the citizens and `requests` what they say, both pure; `site` makes the folder, `legacy` the simulated systems; `play`
sends the requests and reads back what became of them, over HTTP like any program outside the hub; `tally` counts, pure; `stage` shows.
"""
