"""The fused step against torch.optim.RMSprop."""

import pytest
import torch
from torch import nn

from heads.optimiser import rmsprop


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_steps_equal_torchs_rmsprop_with_its_step_schedule(dtype: torch.dtype, tolerance: float) -> None:
    draw = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=draw, dtype=dtype) for shape in ((3, 4, 5), (3, 1, 5), (7,))]
    fused, plain = ([nn.Parameter(x.clone()) for x in start] for _ in range(2))
    reference = torch.optim.RMSprop(plain, lr=3.5e-3)
    schedule = torch.optim.lr_scheduler.StepLR(reference, step_size=10, gamma=0.1)
    optimiser = rmsprop(fused, lr=3.5e-3)
    for number in range(40):
        optimiser.param_groups[0]["lr"] = 3.5e-3 * 0.1 ** (number // 10)
        for one, two in zip(fused, plain, strict=True):
            size = 10.0 ** -(number % 9) * (number % 5 > 0)
            one.grad = torch.randn(one.shape, generator=draw, dtype=dtype) * size
            two.grad = one.grad.clone()
        optimiser.step()
        reference.step()
        schedule.step()
        for one, two in zip(fused, plain, strict=True):
            torch.testing.assert_close(one, two, rtol=tolerance, atol=tolerance)
