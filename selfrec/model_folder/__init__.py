"""A model on disk: its manifest, whole writing, and reading that checks everything before anything of it runs."""
