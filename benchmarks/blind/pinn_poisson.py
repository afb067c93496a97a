# PINN for  -u'' = f  on [0,1],  u(0)=u(1)=0,  f = 4 pi^2 sin(2 pi x) + 2
# exact:  u = sin(2 pi x) + x(1-x)
import os
import numpy as np
import torch

torch.set_num_threads(1)
torch.manual_seed(int(os.environ.get("SEED", "0")))
pi = np.pi

class Net(torch.nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.lin = torch.nn.ModuleList()
        for a, b in zip(widths[:-1], widths[1:]):
            l = torch.nn.Linear(a, b)
            torch.nn.init.xavier_normal_(l.weight)
            torch.nn.init.zeros_(l.bias)
            self.lin.append(l)
        self.act = torch.nn.ReLU()

    def forward(self, x):
        x = 2 * x - 1
        for l in self.lin[:-1]:
            x = self.act(l(x))
        return self.lin[-1](x)

def source(x):
    return 4 * pi ** 2 * torch.sin(2 * pi * x) + 2

def grad(y, x):
    return torch.autograd.grad(y, x, grad_outputs=torch.ones_like(y), create_graph=True, allow_unused=True,
                               materialize_grads=True)[0]

u = Net([1, 32, 32, 32, 1])
opt = torch.optim.Adam(u.parameters(), lr=2e-3)
sch = torch.optim.lr_scheduler.StepLR(opt, 700, 0.3)
xb = torch.tensor([[0.0], [1.0]])

for it in range(2001):
    x = torch.rand(64, 1, requires_grad=True)
    ux = grad(u(x), x)
    uxx = grad(ux, x)
    res = ((-uxx - source(x)) ** 2).mean()
    bc = (u(xb) ** 2).mean()
    loss = res + 100 * bc
    opt.zero_grad()
    loss.backward()
    opt.step()
    sch.step()
    if it % 250 == 0:
        print(f"it {it}: residual {res.item():.3e}  boundary {bc.item():.3e}")

xt = torch.linspace(0, 1, 401)[:, None]
with torch.no_grad():
    up = u(xt)
exact = torch.sin(2 * pi * xt) + xt * (1 - xt)
rel = ((up - exact).norm() / exact.norm()).item()
print("relative L2 error vs exact solution (lower better)")
print(f"score: {rel:.5f}")
