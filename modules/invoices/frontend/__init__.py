"""What people see of invoices."""
