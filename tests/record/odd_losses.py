"""Steps of training whose losses are numbers of another kind, or lie elsewhere in memory."""

import torch
import torch.nn.functional as F

X, Y = torch.linspace(-1, 1, 48).reshape(16, 3), torch.arange(16) % 2


def in_double(step, model, optimizer):
    model.double()
    optimizer.zero_grad()
    F.cross_entropy(model(X.double()), Y).backward()
    optimizer.step()


def in_bfloat16(step, model, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(model(X).bfloat16(), Y).backward()
    optimizer.step()


def in_turns(step, model, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(X), Y, reduction="none")
    (loss.double() if step % 5 == 2 else loss).mean().backward()
    optimizer.step()


def read_with_its_sign_turned(step, model, optimizer):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(X), Y)
    torch.complex(loss, loss).conj().imag.backward()
    optimizer.step()
