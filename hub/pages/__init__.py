"""What people see: pages that answer one person's question in their first line."""
