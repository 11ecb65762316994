"""A third party's connector for full extracts, as small as one can be: every night the list of all open jobs, as CSV with a trailer."""
