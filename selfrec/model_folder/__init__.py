"""A model on disk: its manifest, checked before anything of it runs, and its graph, read without onnx or torch."""
