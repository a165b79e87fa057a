"""The JAX backend: every network as one XLA program, on CPU, GPU or TPU.

Importing this package does not import JAX: `JaxBackend` does, when one is made.
"""

from zqcnn_xp_jax.backend import JaxBackend

__all__ = ["JaxBackend"]
