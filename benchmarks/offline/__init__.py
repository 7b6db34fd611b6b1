"""Offline accuracy: protocols, baselines and presets on the same rows, resumable, as tables."""
