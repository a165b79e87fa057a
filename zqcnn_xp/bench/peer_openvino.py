"""OpenVINO: the ONNX model on its CPU plugin, in float32."""

from __future__ import annotations

from zqcnn_xp.bench.network import Arrays, Network, Runner

__all__ = ["prepare"]


def prepare(network: Network, threads: int) -> Runner:
    """Compile the network; inputs and outputs are shared with OpenVINO, not copied."""
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(network.onnx),
        "CPU",
        {
            # On processors with bfloat16 units the default is bfloat16.
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # The process is pinned already; OpenVINO would count processors outside the mask.
            "ENABLE_CPU_PINNING": False,
        },
    )
    request = compiled.create_infer_request()
    given = [network.inputs[source.name] for source in network.graph.inputs]
    names = network.graph.outputs

    def run() -> Arrays:
        results = request.infer(given, share_inputs=True, share_outputs=True)
        return {name: results[index] for index, name in enumerate(names)}

    return run
