"""Seeds of their own for the epochs of a network, and for the parts of a batch."""

import numpy as np


def derive_seed(*numbers: int) -> int:
    """Derive a seed from the seed of the network, the epoch and, for a part of a batch, the step and the part.

    Training can thus be resumed without a saved random-number-generator state. The last number must not be 0, because
    SeedSequence ignores zeros at the end.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
