"""Feeds as they are: judged by the connector's process, carried by `hub-heartbeats`, gathered by the web. "No data" is not "no change"."""
