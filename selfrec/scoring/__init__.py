"""Users through the graph of a model: a whole table of them, or one. Needs neither torch nor onnx."""
