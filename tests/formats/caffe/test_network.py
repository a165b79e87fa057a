"""What runs: phases, data and training layers, inputs."""

import numpy as np
import pytest

TRAIN, TEST = "include { phase: TRAIN }", "include { phase: TEST }"


def names(graph):
    return [node.name for node in graph.nodes]


@pytest.mark.parametrize(
    ("rule", "there"),
    [
        ("", True),
        (TEST, True),
        (TRAIN, False),
        (TRAIN + TEST, True),
        ("exclude { phase: TEST }", False),
        ("exclude { phase: TRAIN }", True),
        ("include { stage: 'deploy' }", False),
        ("include { not_stage: 'deploy' }", True),
        ("include { min_level: 1 }", False),
        ("include { max_level: 0 }", True),
        ("include { phase: TEST max_level: -1 }", False),
        ("include { }", True),
        ("include { phase: 0 }", False),
    ],
)
def test_rules(cf, rule, there):
    graph = cf.read(cf.layer("ReLU", rule, name="a"), cf.layer("TanH", top="z", name="b"))
    assert names(graph) == (["a", "b"] if there else ["b"])


def test_states(cf):
    layers = cf.layer("ReLU", "include { stage: 'deploy' min_level: 2 }", name="a")
    graph = cf.read(layers, "state { level: 3 stage: 'deploy' stage: 'x' }")
    assert names(graph) == ["a"]
    cf.fails("include and exclude", cf.layer("ReLU", "include { } exclude { }"))
    cf.fails("one of TRAIN, TEST", cf.layer("ReLU", "include { phase: DEPLOY }"))


def test_train_and_test_layers_of_one_name(cf):
    pair = [
        cf.layer("ReLU", TRAIN, name="a"),
        cf.layer("TanH", TEST, name="a"),
    ]
    (node,) = cf.read(*pair).nodes
    assert node.op.kind == "tanh"


def test_inputs_in_every_form(cf):
    relu = cf.layer("ReLU")
    forms = [
        'input: "x" input_dim: 1 input_dim: 4 input_dim: 6 input_dim: 8',
        'input: "x" input_shape { dim: 1 dim: 4 dim: 6 dim: 8 }',
        'layer { name: "d" type: "Input" top: "x" input_param { shape { dim: [1, 4, 6, 8] } } }',
    ]
    for form in forms:
        graph = cf.reader.read(f"name: 'n' {form} {relu}".encode(), b"\n\x01n")
        (source,) = graph.inputs
        assert (source.name, source.nominal) == ("x", (1, 4, 6, 8))
        assert source.shape == (None, 4, None, None)


def test_several_inputs(cf):
    text = cf.layer("Eltwise", bottom="a b")
    source = 'layer { type: "Input" top: "a" top: "b" input_param { shape { dim: 2 dim: 5 } } }'
    graph = cf.reader.read(f"{source} {text}".encode(), b"\n\x01n")
    assert [(s.name, s.shape, s.nominal) for s in graph.inputs] == [
        ("a", (None, 5), (2, 5)),
        ("b", (None, 5), (2, 5)),
    ]
    assert cf.run(graph, {"a": np.ones((2, 5)), "b": np.ones((2, 5))}).sum() == 20


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ('input: "x" input_dim: 1 input_dim: 4', "2 input_dim .* four input_dim"),
        ('input: "x"', "0 input_shape for 1 input"),
        ("input_shape { dim: 1 }", "1 input_shape for 0 input"),
        ('input: "x" input_shape { dim: 0 dim: 4 }', "dim: 0"),
        ('input: "x" input_shape { dim: -1 dim: 4 }', "dim: -1"),
        ('input: "x" input_shape { dim: 2147483648 }', "dim: 2147483648"),
        ('input: "x" input_shape { dim: 9223372036854775807 }', "dim: 9223372036854775807"),
        ('input: "x" input_dim: [1, 4, 65536, 65536]', "at most 2,147,483,648"),
        ('input: "x" input_shape { dim: [1,1,1,1,1,1,1,1,1] }', "9 axes"),
        ('layer { type: "Input" top: "x" }', "0 shapes"),
        ('layer { type: "Input" bottom: "q" top: "x" input_param { shape { dim: 1 } } }', "bottom"),
        ("", "no input"),
        ('input: "x" input_shape { }', "unknown size"),
    ],
)
def test_inputs_that_have_no_meaning(cf, source, match):
    text = f"name: 'n' {source} {cf.layer('ReLU')}".encode()
    with pytest.raises(cf.FormatError, match=match):
        cf.reader.read(text, b"\n\x01n")


def test_data_layers_are_inputs_and_training_is_dropped(cf):
    conv = "convolution_param { num_output: 2 kernel_size: 3 group: 2 }"
    layers = [
        cf.layer("Data", f"{TRAIN} transform_param {{ crop_size: 30 }}", "", "data label", "in"),
        cf.layer("Data", f"{TEST} transform_param {{ crop_size: 20 }}", "", "data label", "in"),
        cf.layer("Convolution", conv, "data", "c", "conv"),
        cf.layer("Slice", "", "label", "l1 l2", "s"),
        cf.layer("SoftmaxWithLoss", "", "c l1", "loss", "loss"),
        cf.layer("Accuracy", TEST, "c label", "acc", "acc"),
        cf.layer("MarginInnerProduct", "", "c l2", "margin", "margin"),
        cf.layer("ArcFaceScale", "", "margin label", "scaled", "scaled"),
        cf.layer("Silence", "", "l2", "", "silence"),
    ]
    held = cf.weights(conv=[cf.noise(2, 3, 3, 3), cf.noise(2)], margin=[cf.noise(2, 2)])
    graph = cf.reader.read("\n".join(layers).encode(), held)
    assert names(graph) == ["conv"]
    assert graph.outputs == ("c",)
    assert graph.inputs[0].name == "data"
    assert graph.inputs[0].nominal == (1, 6, 20, 20)


@pytest.mark.parametrize(
    ("kind", "parameters", "shape"),
    [
        ("MemoryData", "memory_data_param { channels: 5 height: 6 width: 7 }", (1, 5, 6, 7)),
        ("DummyData", "dummy_data_param { shape { dim: [2, 3, 4, 5] } }", (2, 3, 4, 5)),
        ("DummyData", "dummy_data_param { num: 1 channels: 3 height: 4 width: 5 }", (1, 3, 4, 5)),
        ("ImageData", "image_data_param { new_height: 9 new_width: 8 }", (1, 3, 9, 8)),
        (
            "ImageData",
            "image_data_param { is_color: false crop_size: 9 }",
            (1, 1, 9, 9),
        ),
        (
            "AnnotatedData",
            "transform_param { force_color: true resize_param { height: 30 width: 40 } }",
            (1, 3, 30, 40),
        ),
        ("Data", "transform_param { crop_size: 9 force_gray: true }", (1, 1, 9, 9)),
    ],
)
def test_sizes_of_data_layers(cf, kind, parameters, shape):
    layers = [cf.layer(kind, parameters, "", "x", "d"), cf.layer("ReLU")]
    graph = cf.reader.read("\n".join(layers).encode(), b"\n\x01n")
    assert graph.inputs[0].nominal == shape


def test_data_of_unknown_size(cf):
    text = "\n".join([cf.layer("HDF5Data", "", "", "x", "d"), cf.layer("ReLU")]).encode()
    with pytest.raises(cf.FormatError, match=r"unknown size .*input_size=\(height, width\)"):
        cf.reader.read(text, b"\n\x01n")


def test_layers_of_both_versions_do_not_mix(cf):
    cf.fails("both 'layer' and 'layers'", cf.layer("ReLU"), "layers { type: RELU }")
    cf.fails("no layers")
    cf.fails("upgrade_net_proto", "layers { layer { name: 'x' } }")
