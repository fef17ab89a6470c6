"""Invoices and their HTTP interface."""
