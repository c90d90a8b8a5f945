import torch

from src.network.views import shifted_views


def test_no_shift_gives_the_image_alone() -> None:
    images = torch.rand(2, 1, 3, 4)
    (view,) = shifted_views(images, 0)
    assert torch.equal(view, images)


def test_a_shift_by_one_pixel_gives_nine_views_filled_with_zeros() -> None:
    images = torch.arange(1.0, 7.0).view(1, 1, 2, 3)
    views = [view[0, 0].tolist() for view in shifted_views(images, 1)]
    assert len(views) == 9
    assert [[1, 2, 3], [4, 5, 6]] in views
    assert [[0, 0, 0], [0, 1, 2]] in views  # down and to the right
    assert [[5, 6, 0], [0, 0, 0]] in views  # up and to the left
