import torch
import torch.nn.functional as F
from data import digits, minibatches, split
from program import faulty
from torch import nn


@torch.no_grad()
def neighbour(embed, known, unknown):
    """Share of the unknown rows whose nearest known row is of their class."""
    (x, y), (x_new, y_new) = known, unknown
    nearest = torch.cdist(embed(x_new), embed(x)).nan_to_num().argmin(1)
    return (y[nearest] == y_new).float().mean()


@faulty("accuracy of the nearest neighbour", at_least=0.85, causes=("nan",))
def distance_to_itself(fixed=False):
    """Distances by hand, and sometimes the picture itself is its own positive: the root has no
    slope at zero, and its gradient is NaN. The cure adds a little below the root."""
    known, unknown = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.002)

    def distance(a, b):
        return ((a - b).square().sum(1) + (1e-9 if fixed else 0)).sqrt()

    for x, y in minibatches(*known, 64, 200):
        alike = y[:, None] == y
        z = embed(x)
        near, far = (fits.float().multinomial(1).squeeze(1) for fits in (alike, ~alike))
        loss = F.relu(distance(z, z[near]) - distance(z, z[far]) + 1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return neighbour(embed, known, unknown)


@faulty("accuracy of same-or-different", at_least=0.75, causes=("wrong_labels", "wrong_loss"))
def pairs_of_zero_and_one(fixed=False):
    """A cosine loss that expects 1 for alike and -1 for unlike gets 1 and 0: a pair of target 0
    costs nothing, all pictures move to one point, and the loss falls to zero."""
    (x, y), (x_new, y_new) = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 48), nn.Tanh(), nn.Linear(48, 8))
    loss_fn = nn.CosineEmbeddingLoss(margin=0.2)
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 64, 300):
        mates, alike = mates_of(yb)
        z = embed(xb)
        loss = loss_fn(z, z[mates], 2 * alike - 1 if fixed else alike)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mates, alike = mates_of(y_new)
    with torch.no_grad():
        near = F.cosine_similarity(embed(x_new), embed(x_new[mates])) > 0.5
    return (near == alike.bool()).float().mean()


def mates_of(y):
    """For each row another one, for about every second one of its class, and whether it is."""
    wanted = torch.rand(len(y), 1) < 0.5
    fits = ((y[:, None] == y) == wanted).float()
    fits.fill_diagonal_(1e-6)
    mates = fits.multinomial(1).squeeze(1)
    return mates, (y == y[mates]).long()


@faulty(
    "spread of the embeddings, 1 if even", at_least=0.5, causes=("other", "wrong_loss"), leads=False
)
def twins_that_agree_on_one_point(fixed=False):
    """Two views of a picture shall have one embedding, and nothing forbids that all pictures have
    the same: they do soon, at a loss of nearly zero. The cure pushes other pictures away."""
    (x, _), (x_new, _) = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    optimizer = torch.optim.AdamW(embed.parameters(), lr=0.003)
    for xb, _ in minibatches(x, x, 128, 250):
        a, b = (F.normalize(embed(xb + 0.1 * torch.randn_like(xb))) for _ in range(2))
        loss = (2 - 2 * (a * b).sum(1)).mean()
        if fixed:
            loss = F.cross_entropy(a @ b.T / 0.1, torch.arange(len(xb)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return F.normalize(embed(x_new)).var(0).sum().sqrt()


@faulty("accuracy of the nearest neighbour", at_least=0.8, causes=("wrong_labels",))
def pairs_the_wrong_way_round(fixed=False):
    """A contrastive loss by hand that takes 1 for unlike, and the labels are 1 for alike: what
    belongs together is driven apart, and the rest cannot be drawn together."""
    known, unknown = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 8))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    for xb, yb in minibatches(*known, 64, 300):
        mates, alike = mates_of(yb)
        unlike = (1 - alike if fixed else alike).float()
        z = embed(xb)
        distance = F.pairwise_distance(z, z[mates])
        apart = torch.clamp(2 - distance, min=0)
        loss = ((1 - unlike) * distance.pow(2) + unlike * apart.pow(2)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return neighbour(embed, known, unknown)


@faulty("accuracy of the nearest neighbour", at_least=0.85, causes=("wrong_loss",))
def nearest_other_is_itself(fixed=False):
    """A triplet loss of the farthest picture of a class and the nearest of the others, which are
    told by a mask that is multiplied with: 0 is the smallest distance, and no other is learned."""
    known, unknown = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    for xb, yb in minibatches(*known, 64, 250):
        z = F.normalize(embed(xb), dim=1)
        distance = ((z[:, None] - z).square().sum(2) + 1e-9).sqrt()
        alike = (yb[:, None] == yb).float()
        farthest = (distance * alike).max(1).values
        others = distance + 1e6 * alike if fixed else distance * (1 - alike)
        loss = F.relu(farthest - others.min(1).values + 0.3).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return neighbour(embed, known, unknown)


@faulty("accuracy by the nearest prototype", at_least=0.85, causes=("wrong_loss",))
def prototypes_told_by_the_furthest(fixed=False):
    """A prototype is the mean of ten pictures of its class, and the softmax reads the distances to
    all prototypes as they are: the own one would have to be the furthest away."""
    (x, y), (x_new, y_new) = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.003)
    each = [x[y == digit] for digit in range(10)]

    def prototypes():
        return torch.stack([embed(rows[torch.randperm(len(rows))[:10]]).mean(0) for rows in each])

    for xb, yb in minibatches(x, y, 64, 250):
        distance = (embed(xb).unsqueeze(1) - prototypes()).pow(2).sum(-1)
        loss = F.cross_entropy(-distance if fixed else distance, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (torch.cdist(embed(x_new), prototypes()).argmin(1) == y_new).float().mean()


@faulty("accuracy by the nearest prototype", at_least=0.85, causes=("wrong_shape",))
def prototypes_of_all_classes(fixed=False):
    """Support samples lie class by class, and the view before their mean takes them in turns: each
    prototype is the mean of one picture of every class."""
    (x, y), (x_new, y_new) = split(*digits())
    embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
    optimizer = torch.optim.Adam(embed.parameters(), lr=0.002)

    def episode(x, y, ways=5, shots=5):
        chosen = torch.randperm(10)[:ways].tolist()
        rows = [(y == digit).nonzero().squeeze(1) for digit in chosen]
        rows = [of_one[torch.randperm(len(of_one))[: 2 * shots]] for of_one in rows]
        support = embed(x[torch.cat([of_one[:shots] for of_one in rows])])
        query = embed(x[torch.cat([of_one[shots:] for of_one in rows])])
        wrong = support.view(shots, ways, -1).mean(0)
        prototypes = support.view(ways, shots, -1).mean(1) if fixed else wrong
        classes = torch.arange(ways).repeat_interleave(shots)
        return -torch.cdist(query, prototypes).square(), classes

    for _ in range(300):
        loss = F.cross_entropy(*episode(x, y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        scores, classes = zip(*(episode(x_new, y_new) for _ in range(20)), strict=True)
    return (torch.cat(scores).argmax(1) == torch.cat(classes)).float().mean()


@faulty("rank of a chosen item, 0 if first, 1 if last", at_most=0.15, causes=("wrong_labels",))
def drawn_from_the_number_of_users(fixed=False):
    """Preferences of 60 users for 300 items, each compared with an item drawn at random: from as
    many as there are users. Items behind these are only ever raised, and lead every ranking."""
    users, items = torch.randn(60, 4), torch.randn(300, 4)
    liked = (users @ items.T).topk(30).indices[:, torch.randperm(30)]
    known, unknown = liked[:, :24], liked[:, 24:]
    u, v = nn.Embedding(60, 8), nn.Embedding(300, 8)
    level = nn.Embedding(300, 1)
    for table in (u, v, level):
        nn.init.normal_(table.weight, std=0.1)
    tables = nn.ModuleList([u, v, level])
    optimizer = torch.optim.Adam(tables.parameters(), lr=0.03)

    def score(user, item):
        return (u(user) * v(item)).sum(-1) + level(item).squeeze(-1)

    for _ in range(300):
        user = torch.randint(60, (256,))
        item = known[user, torch.randint(24, (256,))]
        other = torch.randint(300 if fixed else 60, (256,))
        loss = -F.logsigmoid(score(user, item) - score(user, other)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        scores = u.weight @ v.weight.T + level.weight.T
    scores = scores.scatter(1, known, -torch.inf)
    ranks = scores.argsort(1, descending=True).argsort(1)
    return ranks.gather(1, unknown).float().mean() / 276
