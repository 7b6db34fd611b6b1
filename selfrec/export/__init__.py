"""From the trained module to the one ONNX graph of the contract: exported, made canonical, checked. Needs onnx."""
