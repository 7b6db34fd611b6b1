"""What runs in the other toolkits' environments: each script scores the same users and prints seconds as JSON."""
