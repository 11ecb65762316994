"""A third party's connector, as small as one can be: a register of jobs in one SQLite file. The kit's own tests try the suite on it."""
