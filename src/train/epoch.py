"""One epoch of training."""

import time
from collections.abc import Callable
from fractions import Fraction

import torch
from torch import Tensor
from tqdm import tqdm

from src.common.errors import UserError
from src.train.data import LabelledImages, split_into_batches
from src.train.learner import Learner
from src.train.recording import record_gradients
from src.train.sharding import step_in_shards

LOG_INTERVAL = 10.0  # seconds between progress lines in a log, such as that of `dvc queue logs`
FIRST_RELIABLE = 3  # epoch; earlier, some images' last losses are still from the very first training steps
WRONG = 0.05  # a label with a lower probability looks wrong
FEW, MANY = 0.04, 0.5  # of the images; with correct labels, at most 0.4% of MNIST's look wrong, 3% of Fashion-MNIST's
CHECK_INTERVAL = 1.0  # seconds between loss checks, for each of which a GPU has to finish its work


def train_epoch(
    learner: Learner,
    data: LabelledImages,
    number: int,
    transform: Callable[[Tensor], Tensor],
    validation_loss: float | None = None,
) -> int:
    """Train once, in random order, on all images that are not left out; return how many there were.

    number: 1 for the first epoch. transform is applied to every batch or, with several shards, to each shard. The
    progress bar also shows the validation_loss of the previous epoch. Losses are checked once a second; raise UserError
    if one is not finite.
    """
    learner.network.train()
    params = learner.params
    name = f"epoch {number}/{learner.plan.epochs}"
    last = learner.unweighted_losses(data.labels)  # with weights, the images of a common class would all be easy
    wrong = find_wrong(last, data.labels, number)
    order = draw_order(last, wrong, learner.skip_easy, learner.plan.batch_size)
    batches = split_into_batches(order, learner.plan.batch_size, params.shards)

    def compute(rows: Tensor, batch_size: int) -> Tensor:
        images, labels = data.select(rows)
        return learner.backpropagate(transform(images), labels, batch_size)

    shard = batches[0].tensor_split(params.shards)[0]
    compute_gradients = record_gradients(compute, learner.network, shard, len(batches[0]))
    rates: list[float] = []
    losses: list[Tensor] = []
    checked = 0  # steps
    now = time.monotonic()
    next_line, next_check = now + LOG_INTERVAL, now + CHECK_INTERVAL
    with tqdm(total=len(order), desc=name, unit="image", leave=False, delay=0.1, disable=None) as bar:
        for step, rows in enumerate(batches):
            progress = number - 1 + Fraction(step, len(batches))
            if params.shards == 1:
                losses.append(compute_gradients(rows, len(rows)))
                learner.update(progress)
            else:
                seed = (params.seed, number, step + 1)
                losses.append(step_in_shards(learner, compute_gradients, rows, progress, seed))
            rates.append(learner.learning_rate)
            bar.update(len(rows))
            if time.monotonic() >= next_check:
                _check_finite(losses, rates, name, checked)
                checked, next_check = len(losses), time.monotonic() + CHECK_INTERVAL
                loss = f"{losses[-1].mean():.4f}"
                previous = {} if validation_loss is None else {"validation_loss": f"{validation_loss:.4f}"}
                bar.set_postfix(loss=loss, **previous, refresh=False)
                if bar.disable and time.monotonic() >= next_line:  # no terminal, but a log
                    print(f"{name}: step {step + 1:,} of {len(batches):,}, training loss {loss}", flush=True)
                    next_line = time.monotonic() + LOG_INTERVAL
    _check_finite(losses, rates, name, checked)
    learner.losses[order] = torch.cat(losses)
    return len(order)


def find_wrong(losses: Tensor, labels: Tensor, number: int) -> Tensor:
    """Return a mask (N,) of the images whose label looks wrong because its probability is low.

    Low means less than 5%, and less than half the frequency of the class. losses: the last loss of every image (N,),
    without class weights; number: the epoch, from 1. The mask stays empty before the third epoch, and in two other
    cases: if it would hold few images, because most of their labels are then right, and such images teach the most; and
    if it would hold at least half of all images, because the network has then learned too little.
    """
    frequency = torch.bincount(labels) / len(labels)
    lowest = (frequency / 2).clamp(max=WRONG)  # probability of a label that does not look wrong
    wrong = losses > -lowest.log()[labels]
    found = number >= FIRST_RELIABLE and FEW < wrong.double().mean() < MANY
    return wrong if found else torch.zeros_like(wrong)


def draw_order(losses: Tensor, wrong: Tensor, skip_easy: float, batch_size: int) -> Tensor:
    """Return the rows of the images to train on, int64 (M,), in random order and on the device of losses.

    Each image in `wrong`, a mask (N,), is left out with probability skip_easy, and so is each image whose last loss is
    below the mean loss of the images outside the mask; in the first epoch, all losses are infinite, so none is left
    out. The images that are kept are not reweighted. Use all images if less than one batch would be left. Similar to
    the method of Jiang et al., Accelerating Deep Learning by Focusing on the Biggest Losers, 2019; the threshold is
    that of Qin et al., InfoBatch, 2024, which also reweights the images.
    """
    order = torch.randperm(len(losses), device=losses.device)
    if skip_easy:
        hard = ~wrong & (losses >= losses[~wrong].double().mean())
        keep = hard | (torch.rand(len(losses), device=losses.device) >= skip_easy)
        kept = order[keep[order]]
        if len(kept) >= batch_size:
            order = kept
    return order


def _check_finite(losses: list[Tensor], rates: list[float], name: str, checked: int) -> None:
    """Raise UserError if a loss is not finite; losses: (N,) for every step; checked: how many steps to skip."""
    recent = losses[checked:]
    if recent and not torch.cat(recent).isfinite().all():
        step = next(step for step in range(checked, len(losses)) if not losses[step].isfinite().all())
        raise UserError(
            f"the loss became {losses[step].mean().item()} in {name}, step {step + 1}, at learning rate"
            f" {rates[step]:.3g}; try a lower train.learning_rate, or train.precision: fp32"
        )
