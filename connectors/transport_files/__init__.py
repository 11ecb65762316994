"""Passenger transport by files on SFTP: bookings out in fixed-width files, results back in CSV. Read `connector.py` first."""
