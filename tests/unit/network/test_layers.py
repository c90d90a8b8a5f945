import torch

from src.network.layers import Crop, Dropout


def test_crop_is_centred_in_evaluation_and_random_in_training() -> None:
    torch.manual_seed(0)
    images = torch.arange(200 * 2 * 6 * 7.0).view(200, 2, 6, 7)
    crop = Crop(2)
    assert torch.equal(crop.eval()(images), images[:, :, 1:5, 1:6])
    cropped = crop.train()(images)
    corners = cropped[:, 0, 0, 0] - images[:, 0, 0, 0]
    assert sorted(set(corners.tolist())) == [7 * row + column for row in range(3) for column in range(3)]
    windows = {
        7 * row + column: images[:, :, row : row + 4, column : column + 5] for row in range(3) for column in range(3)
    }
    assert all(torch.equal(cropped[i], windows[int(corner)][i]) for i, corner in enumerate(corners))


def test_dropout_has_the_distribution_of_pytorchs() -> None:
    torch.manual_seed(0)
    values = torch.ones(64, 32, 28, 28).to(memory_format=torch.channels_last)
    dropout = Dropout(0.25)
    output = dropout(values)
    assert output.stride() == values.stride()
    kept = output != 0
    # A million and a half draws: five standard deviations are 0.0017.
    assert abs(kept.float().mean().item() - 0.75) < 0.0017
    for axis in range(4):
        others = [other for other in range(4) if other != axis]
        assert kept.float().mean(others).sub(0.75).abs().max() < 0.02
    assert torch.allclose(output[kept], torch.tensor(4 / 3))
    assert torch.equal(dropout.eval()(values), values)


def test_dropout_close_to_one_does_not_divide_by_zero() -> None:
    assert Dropout(0.999999)(torch.ones(100)).isfinite().all()


def test_the_gradient_of_dropout_is_zero_where_values_are_dropped() -> None:
    torch.manual_seed(0)
    values = torch.rand(5, 7, requires_grad=True)
    output = Dropout(0.5)(values)
    output.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, (output != 0) * 2.0)
