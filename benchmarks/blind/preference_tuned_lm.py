import argparse
import copy
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 32
    prompt_len: int = 6
    resp_len: int = 8
    dim: int = 64
    beta: float = 0.2
    sft_steps: int = 150
    dpo_steps: int = 200
    batch: int = 32


class GRULM(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.emb = nn.Embedding(c.vocab, c.dim)
        self.rnn = nn.GRU(c.dim, c.dim, batch_first=True)
        self.out = nn.Linear(c.dim, c.vocab)

    def forward(self, x):
        return self.out(self.rnn(self.emb(x))[0])


def sample_pairs(n, c, gen):
    """Prompt words, a response that keeps words of the prompt's parity (preferred) or of the other parity."""
    prompt = torch.randint(0, c.vocab, (n, c.prompt_len), generator=gen)
    parity = prompt[:, :1] % 2
    base = torch.randint(0, c.vocab // 2, (n, c.resp_len), generator=gen) * 2
    base2 = torch.randint(0, c.vocab // 2, (n, c.resp_len), generator=gen) * 2
    flip = lambda q: (torch.rand(n, c.resp_len, generator=gen) < q).long()
    good = base + (parity ^ flip(0.2))
    bad = base2 + (parity ^ flip(0.6))
    return prompt, good, bad


def response_logps(model, ids, prompt_len):
    logits = model(ids[:, :-1]).log_softmax(-1)
    lp = logits.gather(-1, ids[:, 1:, None]).squeeze(-1)
    return lp[:, prompt_len - 1:].sum(-1)


def concatenated_forward(model, prompt, chosen, rejected):
    ids = torch.cat([torch.cat([prompt, chosen], 1), torch.cat([prompt, rejected], 1)], 0)
    logps = response_logps(model, ids, prompt.shape[1])
    return logps[0::2], logps[1::2]


def dpo_loss(policy, ref, batch, beta):
    pc, pr = concatenated_forward(policy, *batch)
    with torch.no_grad():
        rc, rr = concatenated_forward(ref, *batch)
    margin = beta * ((pc - rc) - (pr - rr))
    return -F.logsigmoid(margin).mean(), margin


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    c = Config()
    gen = torch.Generator().manual_seed(100 + args.seed)
    prompt, good, bad = sample_pairs(2048, c, gen)
    test = sample_pairs(1024, c, gen)

    policy = GRULM(c)
    opt = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for step in range(c.sft_steps):
        i = torch.randint(0, len(prompt), (c.batch,))
        resp = torch.where(torch.rand(c.batch, 1) < 0.5, good[i], bad[i])
        ids = torch.cat([prompt[i], resp], 1)
        loss = -response_logps(policy, ids, c.prompt_len).mean() / c.resp_len
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"sft loss {loss.item():.3f}")

    ref = copy.deepcopy(policy).eval().requires_grad_(False)
    opt = torch.optim.Adam(policy.parameters(), lr=1e-3)
    for step in range(c.dpo_steps):
        i = torch.randint(0, len(prompt), (c.batch,))
        loss, margin = dpo_loss(policy, ref, (prompt[i], good[i], bad[i]), c.beta)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        opt.step()
        if step % 50 == 49:
            print(f"dpo {step + 1} loss {loss.item():.3f} margin {margin.mean().item():.3f}")

    with torch.no_grad():
        score = lambda m, r: response_logps(m, torch.cat([test[0], r], 1), c.prompt_len)
        win = (score(policy, test[1]) - score(ref, test[1])) > (score(policy, test[2]) - score(ref, test[2]))
    print(f"held-out preference accuracy {win.float().mean().item():.4f}")


if __name__ == "__main__":
    main()
