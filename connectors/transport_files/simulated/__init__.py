"""The depot behind the simulated SFTP server."""
