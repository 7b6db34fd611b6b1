"""What plugins hand in: hooks, records, and the manager that loads and guards them."""
