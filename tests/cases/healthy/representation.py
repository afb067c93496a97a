import torch
import torch.nn.functional as F
from data import accuracy, digits, minibatches, wine
from program import healthy
from torch import nn


def encoder(out=16):
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, out))


def separation(embed, x, y):
    """Share of rows whose nearest neighbour is of their class."""
    with torch.no_grad():
        z = embed(x[:600])
        distance = torch.cdist(z, z).fill_diagonal_(torch.inf)
        return (y[distance.argmin(1)] == y[:600]).float().mean()


@healthy("share of nearest neighbours of the same digit", at_least=0.9)
def contrastive_pairs():
    """InfoNCE: the other rows of the batch are the classes, and the labels are 0, 1, 2, …"""
    x, y = digits()
    embed = encoder()
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    for xb, _ in minibatches(x, y, 64, 200):
        one, two = (
            F.normalize(embed(xb + 0.1 * torch.randn_like(xb)), dim=1),
            F.normalize(embed(xb + 0.1 * torch.randn_like(xb)), dim=1),
        )
        loss = F.cross_entropy(one @ two.T / 0.1, torch.arange(64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return separation(embed, x, y)


@healthy("share of nearest neighbours of the same digit", at_least=0.95)
def triplets_that_become_easy():
    """Triplet loss: ever more triplets are beyond the margin and give no gradient at all."""
    x, y = digits()
    embed = encoder()
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    rows = [(y == k).nonzero().squeeze(1) for k in range(10)]

    def pick(classes):
        return torch.stack([rows[k][torch.randint(len(rows[k]), ())] for k in classes.tolist()])

    for _ in range(200):
        same = torch.randint(0, 10, (32,))
        other = (same + torch.randint(1, 10, (32,))) % 10
        anchor, positive, negative = (embed(x[pick(k)]) for k in (same, same, other))
        loss = F.triplet_margin_loss(anchor, positive, negative)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return separation(embed, x, y)


@healthy("accuracy of same-or-different", at_least=0.85)
def siamese_twins():
    """One network on both halves of a pair, joined by a distance."""
    x, y = digits()
    embed = encoder()
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.005)

    def pairs(n):
        left = torch.randint(len(x), (n,))
        right = torch.randint(len(x), (n,))
        swap = torch.arange(n) % 2 == 0
        for i in swap.nonzero().squeeze(1).tolist():
            same = (y == y[left[i]]).nonzero().squeeze(1)
            right[i] = same[torch.randint(len(same), ())]
        return left, right, (y[left] == y[right]).float()

    for _ in range(200):
        left, right, same = pairs(64)
        distance = (embed(x[left]) - embed(x[right])).norm(dim=1)
        loss = (same * distance**2 + (1 - same) * F.relu(2 - distance) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        left, right, same = pairs(600)
        distance = (embed(x[left]) - embed(x[right])).norm(dim=1)
        return ((distance < 1) == (same > 0.5)).float().mean()


@healthy("accuracy of the student", at_least=0.9)
def distillation():
    """The student's targets are a teacher's soft outputs; the teacher is not trained any more."""
    x, y = digits()
    teacher, student = encoder(10), nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    optimizer = torch.optim.Adam(teacher.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 64, 100):
        optimizer.zero_grad()
        F.cross_entropy(teacher(xb), yb).backward()
        optimizer.step()
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for xb, _ in minibatches(x, y, 64, 200):
        with torch.no_grad():
            soft = F.softmax(teacher(xb) / 3, dim=1)
        loss = 9 * F.kl_div(F.log_softmax(student(xb) / 3, dim=1), soft, reduction="batchmean")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(student, x, y)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -0.1 * gradient


@healthy("accuracy on both domains", at_least=0.85)
def gradient_reversal():
    """The domain head learns, its gradient is turned round: its loss is meant to stay high."""
    x, y = digits()
    bright = torch.arange(len(x)) % 2
    x = x + 0.5 * bright.unsqueeze(1)
    embed, classes, domain = encoder(32), nn.Linear(32, 10), nn.Linear(32, 2)
    parameters = [*embed.parameters(), *classes.parameters(), *domain.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.005)
    for xb, row in minibatches(x, torch.arange(len(x)), 64, 250):
        z = F.relu(embed(xb))
        loss = F.cross_entropy(classes(z), y[row])
        loss = loss + F.cross_entropy(domain(Reverse.apply(z)), bright[row])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (classes(F.relu(embed(x))).argmax(1) == y).float().mean()


@healthy("accuracy on both domains", at_least=0.85)
def gradient_reversal_in_a_pass_of_its_own():
    """Two backward passes of a step: in that of the domains, all that reaches the encoder is turned
    round; in the other one nothing is."""
    x, y = digits()
    bright = torch.arange(len(x)) % 2
    x = x + 0.5 * bright.unsqueeze(1)
    embed, classes, domain = encoder(32), nn.Linear(32, 10), nn.Linear(32, 2)
    parameters = [*embed.parameters(), *classes.parameters(), *domain.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.005)
    for xb, row in minibatches(x, torch.arange(len(x)), 64, 250):
        optimizer.zero_grad()
        F.cross_entropy(classes(F.relu(embed(xb))), y[row]).backward()
        z = Reverse.apply(F.relu(embed(xb)))
        F.cross_entropy(domain(z), bright[row]).backward()
        optimizer.step()
    with torch.no_grad():
        return (classes(F.relu(embed(x))).argmax(1) == y).float().mean()


@healthy("accuracy of the class", at_least=0.9)
def several_tasks():
    """Three losses of very different size on one trunk, added up."""
    x, y = digits()
    trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
    heads = nn.ModuleList([nn.Linear(64, 10), nn.Linear(64, 1), nn.Linear(64, 1)])
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=0.005)
    for xb, yb in minibatches(x, y, 64, 250):
        z = trunk(xb)
        odd, ink = (yb % 2).float().unsqueeze(1), xb.sum(1, keepdim=True)
        loss = F.cross_entropy(heads[0](z), yb)
        loss = loss + F.binary_cross_entropy_with_logits(heads[1](z), odd)
        loss = loss + 0.01 * F.mse_loss(heads[2](z), ink)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (heads[0](trunk(x)).argmax(1) == y).float().mean()


@healthy("accuracy of the last exit", at_least=0.9)
def auxiliary_exits():
    """Classifiers at every depth, the early ones with a small weight."""
    x, y = digits()
    blocks = nn.ModuleList(nn.Sequential(nn.Linear(64, 64), nn.ReLU()) for _ in range(3))
    exits = nn.ModuleList(nn.Linear(64, 10) for _ in range(3))
    optimizer = torch.optim.Adam([*blocks.parameters(), *exits.parameters()], lr=0.003)

    def logits(z):
        for block, leave in zip(blocks, exits, strict=True):
            z = block(z)
            yield leave(z)

    for xb, yb in minibatches(x, y, 64, 200):
        losses = [F.cross_entropy(out, yb) for out in logits(xb)]
        loss = 0.1 * losses[0] + 0.3 * losses[1] + losses[2]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (list(logits(x))[-1].argmax(1) == y).float().mean()


@healthy("accuracy", at_least=0.9)
def penalties_larger_than_the_loss():
    """An L1 penalty that makes up most of the loss: most weights become exactly useless."""
    x, y = wine()
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for xb, yb in minibatches(x, y, 32, 250):
        penalty = sum(p.abs().sum() for p in model.parameters())
        loss = F.cross_entropy(model(xb), yb) + 0.01 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return accuracy(model, x, y)


@healthy("accuracy", at_least=0.9)
def prototypes():
    """Logits are negative squared distances to class means that are themselves learnt."""
    x, y = digits()
    embed = encoder()
    centres = nn.Parameter(torch.randn(10, 16))
    optimizer = torch.optim.Adam([*embed.parameters(), centres], lr=0.005)
    for xb, yb in minibatches(x, y, 64, 200):
        loss = F.cross_entropy(-(torch.cdist(embed(xb), centres) ** 2), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (torch.cdist(embed(x), centres).argmin(1) == y).float().mean()
