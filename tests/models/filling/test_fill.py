"""Random weights."""

import numpy as np

from zqcnn_xp_models.fill import finish


def test_random_weights_are_seeded_and_of_a_plausible_size(tiny):
    one, two, other = (finish(tiny.draft(), ("embedding",), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(tiny.run(one), tiny.run(two))
    assert np.abs(tiny.run(one) - tiny.run(other)).max() > 0
    assert 0.01 < np.abs(tiny.run(one)).max() < 100
