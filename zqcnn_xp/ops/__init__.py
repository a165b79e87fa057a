"""The ops of a graph, one file each: attributes, shape rules, and a reference computation.

A new op is a new file here, one import line below, and its test under ``tests/ops``.
"""

from zqcnn_xp.ops.activation import Activation
from zqcnn_xp.ops.base import Op
from zqcnn_xp.ops.batchnorm import BatchNorm
from zqcnn_xp.ops.cast import Cast
from zqcnn_xp.ops.concat import Concat
from zqcnn_xp.ops.constant import Constant
from zqcnn_xp.ops.conv2d import Conv2D
from zqcnn_xp.ops.conv_transpose2d import ConvTranspose2D
from zqcnn_xp.ops.crop import Crop
from zqcnn_xp.ops.dense import Dense
from zqcnn_xp.ops.detection_output import DetectionOutput
from zqcnn_xp.ops.detection_output_mxnet import DetectionOutputMxnet
from zqcnn_xp.ops.elementwise import Elementwise
from zqcnn_xp.ops.flatten import Flatten
from zqcnn_xp.ops.identity import Identity
from zqcnn_xp.ops.l2normalize import L2Normalize
from zqcnn_xp.ops.lrn import LRN
from zqcnn_xp.ops.lstm import Lstm
from zqcnn_xp.ops.matmul import MatMul
from zqcnn_xp.ops.max_feature_map import MaxFeatureMap
from zqcnn_xp.ops.pad import Pad
from zqcnn_xp.ops.pool2d import Pool2D
from zqcnn_xp.ops.prelu import PReLU
from zqcnn_xp.ops.prior_box import PriorBox
from zqcnn_xp.ops.prior_box_mxnet import PriorBoxMxnet
from zqcnn_xp.ops.prior_box_text import PriorBoxText
from zqcnn_xp.ops.reduce import Reduce
from zqcnn_xp.ops.reorg import Reorg
from zqcnn_xp.ops.reshape import Reshape
from zqcnn_xp.ops.scalar import Scalar, ScalarOf
from zqcnn_xp.ops.scale import Scale
from zqcnn_xp.ops.slice import Slice
from zqcnn_xp.ops.softmax import Softmax
from zqcnn_xp.ops.tile import Tile
from zqcnn_xp.ops.transpose import Transpose
from zqcnn_xp.ops.unary import Unary
from zqcnn_xp.ops.upsample import Upsample

__all__ = [
    "LRN",
    "Activation",
    "BatchNorm",
    "Cast",
    "Concat",
    "Constant",
    "Conv2D",
    "ConvTranspose2D",
    "Crop",
    "Dense",
    "DetectionOutput",
    "DetectionOutputMxnet",
    "Elementwise",
    "Flatten",
    "Identity",
    "L2Normalize",
    "Lstm",
    "MatMul",
    "MaxFeatureMap",
    "Op",
    "PReLU",
    "Pad",
    "Pool2D",
    "PriorBox",
    "PriorBoxMxnet",
    "PriorBoxText",
    "Reduce",
    "Reorg",
    "Reshape",
    "Scalar",
    "ScalarOf",
    "Scale",
    "Slice",
    "Softmax",
    "Tile",
    "Transpose",
    "Unary",
    "Upsample",
]
