"""Universal Housing (Civica): tenancies and works orders in a SQL database. Read `connector.py` first."""
