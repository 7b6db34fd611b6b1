"""The operations a graph may consist of: all run alike in onnxruntime, OpenVINO, tract and the browser's runtime.

No control flow, no random numbers, no sequences, no strings: a graph of these is a pure function of its inputs.
"""

from __future__ import annotations

OPSET = 18
"""The one opset of the default domain that graphs use."""

_NAMES = """
    Abs Add And BatchNormalization Cast Clip Concat Constant ConstantOfShape Cos CumSum Div Elu Equal Erf Exp Expand
    Flatten Gather GatherElements GatherND Gemm Greater GreaterOrEqual Identity IsInf IsNaN LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max Min Mod Mul Neg Not Or Pad Pow Range Reciprocal ReduceL2
    ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape ScatterElements ScatterND Shape
    Sigmoid Sign Sin Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Trilu Unsqueeze Where
"""

ALLOWED_OPS = frozenset(_NAMES.split())
