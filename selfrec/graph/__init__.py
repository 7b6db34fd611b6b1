"""The graph as a file, read, checked, written and run without the onnx package."""
