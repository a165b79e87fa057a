"""The words of a .zqparams file: layer types, and the keys each of them has."""

from __future__ import annotations

__all__ = ["KEYS", "TYPES"]

_COMMON = ("name", "bottom", "top")
_SIDES = ("pad_h_top", "pad_h_bottom", "pad_w_left", "pad_w_right")
_PADS = ("pad", "pad_h", "pad_w", *_SIDES, "pad_type")
_WINDOW = ("kernel_size", "kernel_h", "kernel_w", "stride", "stride_h", "stride_w", *_PADS)
_CONV = ("num_output", *_WINDOW, "dilate", "dilate_h", "dilate_w", "bias")
_PRIOR = ("min_size", "max_size", "aspect_ratio", "variance", "flip", "clip", "offset")
_STEPS = ("step", "step_h", "step_w", "img_size", "img_h", "img_w")
_NMS = ("nms_threshold", "nms_top_k", "keep_top_k", "confidence_threshold")
_DETECTION = (
    *_NMS,
    "num_classes",
    "share_location",
    "background_label_id",
    "nms_eta",
    "code_type",
    "variance_encoded_in_target",
)

_OWN_KEYS: dict[str, tuple[str, ...]] = {
    "Input": ("c", "h", "w"),
    "Convolution": _CONV,
    "DepthwiseConvolution": _CONV,
    "DeConvolution": (*_CONV, "output_h", "output_w"),
    "InnerProduct": ("num_output", "kernel_size", "bias"),
    "BatchNormScale": ("eps", "bias"),
    "BatchNorm": ("eps",),
    "Scale": ("bias",),
    "AddBias": (),
    "PReLU": (),
    "ReLU": ("slope",),
    "ReLU6": ("slope",),
    "Softmax": ("axis",),
    "Pooling": (*_WINDOW, "pool", "global_pool"),
    "Eltwise": ("operation", "weight"),
    "Concat": ("axis",),
    "Permute": ("order",),
    "Flatten": ("axis", "end_axis"),
    "Reshape": ("dim", "axis", "num_axes"),
    "Squeeze": ("dim",),
    "Normalize": ("across_spatial", "channel_shared", "eps"),
    "UpSampling": ("sample_type", "align_type", "scale_h", "scale_w", "dst_h", "dst_w"),
    "PriorBox": (*_PRIOR, *_STEPS),
    "DetectionOutput": _DETECTION,
    "PriorBoxText": (*_PRIOR, *_STEPS),
    "PriorBox_MXNET": ("size", "aspect_ratio", "variance", "clip", "offset", *_STEPS),
    "DetectionOutput_MXNET": (*_NMS, "variance", "clip"),
    "LRN": ("operation", "local_size", "alpha", "beta", "k"),
    "LSTM_TF": ("hidden_dim", "type", "forget_bias", "cell_clip"),
    "ScalarOperation": ("operation", "scalar"),
    "UnaryOperation": ("operation",),
    "Sqrt": (),
    "Reduction": ("operation", "axis", "keepdims"),
    "Tile": ("n", "c", "h", "w"),
    "Dropout": ("dropout_ratio",),
    "Copy": (),
}

TYPES: dict[str, str] = {kind.lower(): kind for kind in _OWN_KEYS}
"""The 36 types of ZQCNN: lower case -> ZQCNN's spelling."""

KEYS: dict[str, frozenset[str]] = {
    kind: frozenset((*_COMMON, *keys)) for kind, keys in _OWN_KEYS.items()
}
"""Keys of each type, in lower case."""
