"""From a table of events to a table of recommendations."""
