"""The words of a .zqparams file: layer types, and the keys each of them has."""

from __future__ import annotations

__all__ = ["KEYS", "LATER", "TYPES"]

_COMMON = ("name", "bottom", "top")
_SIDES = ("pad_h_top", "pad_h_bottom", "pad_w_left", "pad_w_right")
_PADS = ("pad", "pad_h", "pad_w", *_SIDES, "pad_type")
_WINDOW = ("kernel_size", "kernel_h", "kernel_w", "stride", "stride_h", "stride_w", *_PADS)
_CONV = ("num_output", *_WINDOW, "dilate", "dilate_h", "dilate_w", "bias")
_PRIOR = ("min_size", "max_size", "aspect_ratio", "variance", "flip", "clip", "offset")
_STEPS = ("step", "step_h", "step_w", "img_size", "img_h", "img_w")
_DETECTION = (
    "num_classes",
    "share_location",
    "background_label_id",
    "nms_threshold",
    "nms_top_k",
    "nms_eta",
    "code_type",
    "variance_encoded_in_target",
    "keep_top_k",
    "confidence_threshold",
)

_OWN_KEYS: dict[str, tuple[str, ...]] = {
    "Input": ("c", "h", "w"),
    "Convolution": _CONV,
    "DepthwiseConvolution": _CONV,
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
    "Dropout": ("dropout_ratio",),
    "Copy": (),
}

TYPES: dict[str, str] = {kind.lower(): kind for kind in _OWN_KEYS}
"""Supported types: lower case -> ZQCNN's spelling."""

KEYS: dict[str, frozenset[str]] = {
    kind: frozenset((*_COMMON, *keys)) for kind, keys in _OWN_KEYS.items()
}
"""Keys of each type, in lower case."""

LATER = (
    "DeConvolution",
    "DetectionOutput_MXNET",
    "LRN",
    "LSTM_TF",
    "PriorBoxText",
    "PriorBox_MXNET",
    "Reduction",
    "ScalarOperation",
    "Sqrt",
    "Tile",
    "UnaryOperation",
)
"""Types of ZQCNN that are not supported yet."""
