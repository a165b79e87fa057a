"""The sections that a .cfg file may hold, and the options that change what a layer computes."""

from __future__ import annotations

from typing import Final

__all__ = ["ELSEWHERE", "HEADS", "KEYS", "TRAINING", "TYPES"]

HEADS: Final = ("yolo", "region", "gaussian_yolo", "detection")
"""Sections that interpret the value before them; that value is an output."""

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "convolutional": (
        *("filters", "size", "stride", "stride_x", "stride_y", "pad", "padding", "groups"),
        *("dilation", "activation", "batch_normalize", "flipped", "antialiasing", "binary", "xnor"),
        *("share_index", "sway", "rotate", "stretch", "stretch_sway", "coordconv", "cbn"),
        *("bin_output", "reverse"),
    ),
    "connected": ("output", "activation", "batch_normalize"),
    "maxpool": (
        *("size", "stride", "stride_x", "stride_y", "padding", "maxpool_depth", "out_channels"),
        *("antialiasing", "maxpool_zero_nonmax"),
    ),
    "local_avgpool": ("size", "stride", "stride_x", "stride_y", "padding"),
    "avgpool": (),
    "route": ("layers", "groups", "group_id"),
    "shortcut": (
        *("from", "activation", "weights_type", "weights_normalization", "alpha", "beta"),
    ),
    "scale_channels": ("from", "activation", "scale_wh"),
    "sam": ("from", "activation"),
    "upsample": ("stride", "scale"),
    "reorg": ("stride", "reverse", "flatten", "extra"),
    "reorg3d": ("stride", "reverse", "flatten", "extra"),
    "softmax": ("groups", "temperature", "spatial", "tree"),
    "activation": ("activation",),
    "logistic": (),
    "dropout": (),
    "crop": ("crop_height", "crop_width", "noadjust"),
    "cost": (),
    "empty": (),
}
"""Layer type to the options that count at inference. Types that are not here take any."""

TRAINING: Final = frozenset(
    (
        *("stopbackward", "onlyforward", "dontload", "dontloadscales", "learning_rate", "clip"),
        *("smooth", "probability", "dropblock", "dropblock_size_rel", "dropblock_size_abs"),
        *("train_only_bn", "grad_centr", "assisted_excitation", "dot", "angle", "stream"),
        *("wait_stream", "flip", "saturation", "exposure", "shift", "type", "scale_smooth"),
        *("noloss", "burnin_update", "dont_update", "sparse", "ratio", "jitter", "noobj"),
    )
)
"""Options that matter in training only, or to the scheduler, in any layer."""

_LONG: Final = {
    "network": "net",
    "conv": "convolutional",
    "conn": "connected",
    "max": "maxpool",
    "avg": "avgpool",
    "local_avg": "local_avgpool",
    "soft": "softmax",
    "silence": "empty",
}

TYPES: Final[dict[str, str]] = {
    **{kind: kind for kind in ("net", *KEYS, *HEADS)},
    **_LONG,
}
"""Spelling in lower case to type."""

ELSEWHERE: Final = frozenset(
    (
        *("local", "crnn", "gru", "lstm", "conv_lstm", "history", "rnn", "lrn", "normalization"),
        *("batchnorm", "contrastive", "implicit", "implicit_weights", "iseg", "l2norm", "prelu"),
        *("deconvolutional", "deconv", "connected-locally", "locally-connected"),
    )
)
"""Layers of other uses and of third-party dialects, which are refused by name."""
