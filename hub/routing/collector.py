"""Python's garbage collector in a process that routes."""

import gc

_COLLECT_AFTER = 50_000, 20, 50


def calm() -> None:
    """Keep it from walking again and again through what stays (libraries, models, the world), and through a round in the making.

    A round makes tens of thousands of objects that live until its end and lie in no circle; Python's own 700 between two looks cost a tenth
    of the time of `route`. To be called when all is set up.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
