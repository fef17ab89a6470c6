"""An invoice for each order, numbered without gaps: a module of BMC Hub."""
