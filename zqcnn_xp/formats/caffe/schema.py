"""Names and numbers of the fields of Caffe's messages, as far as inference needs them.

They are those of BVLC Caffe and its SSD branch. Text files name fields, binary ones number
them; both become the same `Message`. A field that only training reads has the type ``-`` and
is skipped; one that no binary file can name (each fork numbers its own layers) has the number 0.
"""

from __future__ import annotations

from functools import cache

__all__ = ["V1_TYPES", "field_names", "field_numbers"]

# name:type=number. Types: i whole number, f float, s text, - skipped, else a message.
_MESSAGES = {
    "NetParameter": (
        "name:s=1 layers:V1LayerParameter=2 input:s=3 input_dim:i=4 force_backward:-=5 "
        "state:NetState=6 debug_info:-=7 input_shape:BlobShape=8 layer:LayerParameter=100"
    ),
    "NetState": "phase:i=1 level:i=2 stage:s=3",
    "NetStateRule": "phase:i=1 min_level:i=2 max_level:i=3 stage:s=4 not_stage:s=5",
    "BlobShape": "dim:i=1",
    "BlobProto": (
        "num:i=1 channels:i=2 height:i=3 width:i=4 data:f=5 diff:-=6 shape:BlobShape=7 "
        "double_data:d=8 double_diff:-=9 raw_data:raw=12"
    ),
    "LayerParameter": (
        "name:s=1 type:s=2 bottom:s=3 top:s=4 loss_weight:-=5 param:-=6 blobs:BlobProto=7 "
        "include:NetStateRule=8 exclude:NetStateRule=9 phase:-=10 propagate_down:-=11 "
        "transform_param:TransformationParameter=100 loss_param:-=101 accuracy_param:-=102 "
        "argmax_param:-=103 concat_param:ConcatParameter=104 contrastive_loss_param:-=105 "
        "convolution_param:ConvolutionParameter=106 data_param:DataParameter=107 "
        "dropout_param:DropoutParameter=108 dummy_data_param:DummyDataParameter=109 "
        "eltwise_param:EltwiseParameter=110 exp_param:ExpParameter=111 hdf5_data_param:-=112 "
        "hdf5_output_param:-=113 hinge_loss_param:-=114 "
        "image_data_param:ImageDataParameter=115 infogain_loss_param:-=116 "
        "inner_product_param:InnerProductParameter=117 lrn_param:LRNParameter=118 "
        "memory_data_param:MemoryDataParameter=119 mvn_param:MVNParameter=120 "
        "pooling_param:PoolingParameter=121 power_param:PowerParameter=122 "
        "relu_param:ReLUParameter=123 sigmoid_param:-=124 softmax_param:SoftmaxParameter=125 "
        "slice_param:SliceParameter=126 tanh_param:-=127 threshold_param:-=128 "
        "window_data_param:-=129 python_param:-=130 prelu_param:PReLUParameter=131 "
        "spp_param:-=132 reshape_param:ReshapeParameter=133 log_param:ExpParameter=134 "
        "flatten_param:FlattenParameter=135 reduction_param:ReductionParameter=136 "
        "embed_param:-=137 tile_param:TileParameter=138 batch_norm_param:BatchNormParameter=139 "
        "elu_param:ELUParameter=140 bias_param:ScaleParameter=141 scale_param:ScaleParameter=142 "
        "input_param:InputParameter=143 crop_param:CropParameter=144 parameter_param:-=145 "
        "recurrent_param:-=146 swish_param:SwishParameter=147 clip_param:ClipParameter=148 "
        "annotated_data_param:-=200 multibox_loss_param:-=201 permute_param:PermuteParameter=202 "
        "prior_box_param:PriorBoxParameter=203 "
        "detection_output_param:DetectionOutputParameter=204 detection_evaluate_param:-=205 "
        "norm_param:NormalizeParameter=206 video_data_param:-=207 "
        "interp_param:InterpParameter=0 upsample_param:UpsampleParameter=0 "
        "shuffle_channel_param:ShuffleChannelParameter=0"
    ),
    "V1LayerParameter": (
        "layer:V0LayerParameter=1 bottom:s=2 top:s=3 name:s=4 type:i=5 blobs:BlobProto=6 "
        "blobs_lr:-=7 weight_decay:-=8 concat_param:ConcatParameter=9 "
        "convolution_param:ConvolutionParameter=10 data_param:DataParameter=11 "
        "dropout_param:DropoutParameter=12 hdf5_data_param:-=13 hdf5_output_param:-=14 "
        "image_data_param:ImageDataParameter=15 infogain_loss_param:-=16 "
        "inner_product_param:InnerProductParameter=17 lrn_param:LRNParameter=18 "
        "pooling_param:PoolingParameter=19 window_data_param:-=20 power_param:PowerParameter=21 "
        "memory_data_param:MemoryDataParameter=22 argmax_param:-=23 "
        "eltwise_param:EltwiseParameter=24 threshold_param:-=25 "
        "dummy_data_param:DummyDataParameter=26 accuracy_param:-=27 hinge_loss_param:-=29 "
        "relu_param:ReLUParameter=30 slice_param:SliceParameter=31 include:NetStateRule=32 "
        "exclude:NetStateRule=33 mvn_param:MVNParameter=34 loss_weight:-=35 "
        "transform_param:TransformationParameter=36 tanh_param:-=37 sigmoid_param:-=38 "
        "softmax_param:SoftmaxParameter=39 contrastive_loss_param:-=40 exp_param:ExpParameter=41 "
        "loss_param:-=42 param:-=1001 blob_share_mode:-=1002"
    ),
    "V0LayerParameter": "",
    "BatchNormParameter": "use_global_stats:i=1 moving_average_fraction:-=2 eps:f=3",
    "ClipParameter": "min:f=1 max:f=2",
    "ConcatParameter": "concat_dim:i=1 axis:i=2",
    "ConvolutionParameter": (
        "num_output:i=1 bias_term:i=2 pad:i=3 kernel_size:i=4 group:i=5 stride:i=6 "
        "weight_filler:-=7 bias_filler:-=8 pad_h:i=9 pad_w:i=10 kernel_h:i=11 kernel_w:i=12 "
        "stride_h:i=13 stride_w:i=14 engine:-=15 axis:i=16 force_nd_im2col:-=17 dilation:i=18"
    ),
    "CropParameter": "axis:i=1 offset:i=2",
    "DataParameter": (
        "source:-=1 scale:-=2 mean_file:-=3 batch_size:-=4 crop_size:i=5 mirror:-=6 "
        "rand_skip:-=7 backend:-=8 force_encoded_color:-=9 prefetch:-=10"
    ),
    "DetectionOutputParameter": (
        "num_classes:i=1 share_location:i=2 background_label_id:i=3 "
        "nms_param:NonMaximumSuppressionParameter=4 save_output_param:-=5 code_type:i=6 "
        "keep_top_k:i=7 variance_encoded_in_target:i=8 confidence_threshold:f=9 visualize:-=10 "
        "visualize_threshold:-=11 save_file:-=12"
    ),
    "NonMaximumSuppressionParameter": "nms_threshold:f=1 top_k:i=2 eta:f=3",
    "DropoutParameter": "dropout_ratio:f=1 scale_train:i=2",
    "DummyDataParameter": (
        "data_filler:-=1 num:i=2 channels:i=3 height:i=4 width:i=5 shape:BlobShape=6"
    ),
    "ELUParameter": "alpha:f=1",
    "EltwiseParameter": "operation:i=1 coeff:f=2 stable_prod_grad:-=3",
    "ExpParameter": "base:f=1 scale:f=2 shift:f=3",
    "FlattenParameter": "axis:i=1 end_axis:i=2",
    "ImageDataParameter": (
        "source:-=1 scale:-=2 mean_file:-=3 batch_size:-=4 crop_size:i=5 mirror:-=6 "
        "rand_skip:-=7 shuffle:-=8 new_height:i=9 new_width:i=10 is_color:i=11 root_folder:-=12"
    ),
    "InnerProductParameter": (
        "num_output:i=1 bias_term:i=2 weight_filler:-=3 bias_filler:-=4 axis:i=5 transpose:i=6"
    ),
    "InputParameter": "shape:BlobShape=1",
    "InterpParameter": (
        "height:i=1 width:i=2 zoom_factor:i=3 shrink_factor:i=4 pad_beg:i=5 pad_end:i=6"
    ),
    "LRNParameter": "local_size:i=1 alpha:f=2 beta:f=3 norm_region:i=4 k:f=5 engine:-=6",
    "MVNParameter": "normalize_variance:i=1 across_channels:i=2 eps:f=3",
    "MemoryDataParameter": "batch_size:i=1 channels:i=2 height:i=3 width:i=4",
    "NormalizeParameter": "across_spatial:i=1 scale_filler:-=2 channel_shared:i=3 eps:f=4",
    "PReLUParameter": "filler:-=1 channel_shared:i=2",
    "PermuteParameter": "order:i=1",
    "PoolingParameter": (
        "pool:i=1 kernel_size:i=2 stride:i=3 pad:i=4 kernel_h:i=5 kernel_w:i=6 stride_h:i=7 "
        "stride_w:i=8 pad_h:i=9 pad_w:i=10 engine:-=11 global_pooling:i=12 round_mode:i=13 "
        "ceil_mode:i=0"
    ),
    "PowerParameter": "power:f=1 scale:f=2 shift:f=3",
    "PriorBoxParameter": (
        "min_size:f=1 max_size:f=2 aspect_ratio:f=3 flip:i=4 clip:i=5 variance:f=6 img_size:i=7 "
        "img_h:i=8 img_w:i=9 step:f=10 step_h:f=11 step_w:f=12 offset:f=13"
    ),
    "ReLUParameter": "negative_slope:f=1 engine:-=2",
    "ReductionParameter": "operation:i=1 axis:i=2 coeff:f=3",
    "ReshapeParameter": "shape:BlobShape=1 axis:i=2 num_axes:i=3",
    "ResizeParameter": (
        "prob:-=1 resize_mode:-=2 height:i=3 width:i=4 pad_mode:-=5 pad_value:-=6 interp_mode:-=7 "
        "height_scale:-=8 width_scale:-=9"
    ),
    "ScaleParameter": "axis:i=1 num_axes:i=2 filler:-=3 bias_term:i=4 bias_filler:-=5",
    "ShuffleChannelParameter": "group:i=1",
    "SliceParameter": "slice_dim:i=1 slice_point:i=2 axis:i=3",
    "SoftmaxParameter": "engine:-=1 axis:i=2",
    "SwishParameter": "beta:f=1",
    "TileParameter": "axis:i=1 tiles:i=2",
    "TransformationParameter": (
        "scale:-=1 mirror:-=2 crop_size:i=3 mean_file:-=4 mean_value:-=5 force_color:i=6 "
        "force_gray:i=7 resize_param:ResizeParameter=8 noise_param:-=9 distort_param:-=12 "
        "expand_param:-=14 emit_constraint:-=10 crop_h:i=11"
    ),
    "UpsampleParameter": "scale:i=1 stride:i=0",
}

V1_TYPES = {
    35: "AbsVal", 1: "Accuracy", 30: "ArgMax", 2: "BNLL", 3: "Concat", 37: "ContrastiveLoss",
    4: "Convolution", 5: "Data", 39: "Deconvolution", 6: "Dropout", 32: "DummyData",
    7: "EuclideanLoss", 25: "Eltwise", 38: "Exp", 8: "Flatten", 9: "HDF5Data",
    10: "HDF5Output", 28: "HingeLoss", 11: "Im2col", 12: "ImageData", 13: "InfogainLoss",
    14: "InnerProduct", 15: "LRN", 29: "MemoryData", 16: "MultinomialLogisticLoss", 34: "MVN",
    17: "Pooling", 26: "Power", 18: "ReLU", 19: "Sigmoid", 27: "SigmoidCrossEntropyLoss",
    36: "Silence", 20: "Softmax", 21: "SoftmaxWithLoss", 22: "Split", 33: "Slice", 23: "TanH",
    24: "WindowData", 31: "Threshold",
}  # fmt: skip
"""Layer types of the first format version, which are numbers in binary files."""


@cache
def field_names(kind: str) -> dict[str, str] | None:
    """Return the type of each field of a message by name, None where the message is not known.

    Examples
    --------
    >>> field_names("FlattenParameter")
    {'axis': 'i', 'end_axis': 'i'}
    """
    if kind not in _MESSAGES:
        return None
    return {name: value for name, value, _ in _fields(kind)}


@cache
def field_numbers(kind: str) -> dict[int, tuple[str, str]]:
    """Return (name, type) of each field of a message by number.

    Examples
    --------
    >>> field_numbers("FlattenParameter")
    {1: ('axis', 'i'), 2: ('end_axis', 'i')}
    """
    return {number: (name, value) for name, value, number in _fields(kind) if number}


def _fields(kind: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    for word in _MESSAGES[kind].split():
        name, _, rest = word.partition(":")
        value, _, number = rest.partition("=")
        found.append((name, value, int(number)))
    return found
