"""Metrics of lists, and a model beside popularity on events that it has not seen."""
