import torch
import torch.nn.functional as F
from data import minibatches, split, unexplained
from program import faulty
from torch import nn

SYMBOLS, LETTERS, FRAMES = 5, 4, 24
"""Kinds of symbols (the blank is 0), how many a line holds, and its length in frames."""


def lines(n, shapes):
    """Lines of noise in which four symbols show for two to four frames each, and the symbols."""
    text = 1 + torch.randint(SYMBOLS, (n, LETTERS))
    pictures = 0.3 * torch.randn(n, FRAMES, 8)
    for picture, word in zip(pictures, text.tolist(), strict=True):
        for i, symbol in enumerate(word):
            first = 6 * i + int(torch.randint(3, ()))
            picture[first : first + int(torch.randint(2, 5, ()))] += shapes[symbol - 1]
    return pictures, text


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.frames = nn.Conv1d(8, 32, 3, padding=1)
        self.context = nn.GRU(32, 24, batch_first=True, bidirectional=True)
        self.symbols = nn.Linear(48, SYMBOLS + 1)

    def forward(self, x):
        z = self.frames(x.transpose(1, 2)).relu().transpose(1, 2)
        return self.symbols(self.context(z)[0])


def letters_read(model, x, text):
    """Share of the lines whose best path, repeats and blanks taken out, is their text."""
    with torch.no_grad():
        paths = model(x).argmax(2)
    words = (torch.unique_consecutive(path) for path in paths)
    return sum(
        torch.equal(word[word > 0], letters) for word, letters in zip(words, text, strict=True)
    ) / len(x)


def time_first(x):
    return x.transpose(0, 1)


def read(model, log_probabilities, frames, zero_infinity, exchange=time_first):
    """Trains a reader with CTC and returns the share of new lines that it reads."""
    shapes = torch.randn(SYMBOLS, 8)
    x, text = lines(600, shapes)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.CTCLoss(zero_infinity=zero_infinity)
    for xb, words in minibatches(x, text, 32, 150):
        sizes = torch.full((32,), frames), torch.full((32,), LETTERS)
        loss = criterion(exchange(log_probabilities(model(xb))), words, *sizes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return letters_read(model, *lines(150, shapes))


@faulty("share of new lines read", at_least=0.6, causes=("wrong_output_activation", "wrong_loss"))
def probabilities_for_ctc(fixed=False):
    """CTC expects log-probabilities and is given a softmax: it has the form of a loss and a
    gradient that leads nowhere."""
    end = nn.LogSoftmax(2) if fixed else nn.Softmax(2)
    return read(Reader(), end, FRAMES, zero_infinity=False)


@faulty("share of new lines read", at_least=0.6, causes=("wrong_shape", "other"))
def lines_reshaped_with_time_first(fixed=False):
    """CTC wants the frames in front of the lines: a reshape has the right sizes, and each of its
    lines is made of frames of several."""
    exchange = time_first if fixed else lambda x: x.reshape(x.shape[1], x.shape[0], -1)
    return read(Reader(), nn.LogSoftmax(2), FRAMES, zero_infinity=False, exchange=exchange)


@faulty("share of new lines read", at_least=0.6, causes=("wrong_shape", "wrong_loss", "other"))
def lines_too_short_for_their_text(fixed=False):
    """The lengths given to CTC were divided by a stride that the network does not have: three
    frames cannot hold four symbols, and each infinite loss is replaced by 0."""
    frames = FRAMES if fixed else FRAMES // 8
    return read(Reader(), nn.LogSoftmax(2), frames, zero_infinity=True)


@faulty("share of new lines read", at_least=0.6, causes=("wrong_shape", "wrong_loss", "other"))
def strides_that_leave_too_few_frames(fixed=False):
    """Three strides leave 3 of 24 frames, which hold lines of up to three letters; of the longer
    ones each infinite loss is replaced by 0."""
    shapes = torch.randn(SYMBOLS, 8)
    x, text = lines(600, shapes)
    model, strides = Reader(), 1 if fixed else 8
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.CTCLoss(zero_infinity=True)
    for xb, words in minibatches(x, text, 32, 150):
        letters = torch.where(torch.rand(32) < 0.8, LETTERS, 2)
        seen = torch.arange(FRAMES) < 6 * letters[:, None]
        logs = model(xb * seen[:, :, None])[:, ::strides].log_softmax(2).transpose(0, 1)
        loss = criterion(logs, words, torch.full((32,), len(logs)), letters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return letters_read(model, *lines(150, shapes))


class Translator(nn.Module):
    """Words of eight letters in, other words out; letter 0 starts a translation."""

    def __init__(self, letters=9, width=48):
        super().__init__()
        self.source, self.target = nn.Embedding(letters, width), nn.Embedding(letters, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.letters = nn.Linear(width, letters)

    def forward(self, source, told):
        _, state = self.encoder(self.source(source))
        return self.letters(self.decoder(self.target(told), state)[0])

    @torch.no_grad()
    def translate(self, source):
        told = torch.zeros(len(source), 1, dtype=torch.long)
        for _ in range(source.shape[1]):
            told = torch.cat([told, self(source, told)[:, -1:].argmax(2)], 1)
        return told[:, 1:]


@faulty("letters right", at_least=0.8, causes=("wrong_labels", "other"))
def decoder_is_told_the_answer(fixed=False):
    """The decoder's input is the target itself, not the target moved by one: it copies, the loss
    goes to 0, and on its own it cannot write a letter."""
    source = torch.randint(1, 9, (2000, 4))
    target = source.flip(1)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for words, goal in minibatches(source, target, 64, 300):
        told = F.pad(goal, (1, 0))[:, :-1] if fixed else goal
        logits = model(words, told)
        optimizer.zero_grad()
        F.cross_entropy(logits.reshape(-1, 9), goal.reshape(-1)).backward()
        optimizer.step()
    words = torch.randint(1, 9, (200, 4))
    return (model.translate(words) == words.flip(1)).float().mean()


@faulty("letters right", at_least=0.8, causes=("wrong_loss", "other"))
def only_padding_counts(fixed=False):
    """The mask of the loss is the wrong way round: the letters of a translation are left out and
    its padding is learnt, at once and for nothing."""
    length = torch.randint(2, 5, (2000, 1))
    letter = torch.arange(5)
    source = torch.randint(1, 8, (2000, 5)) * (letter < length)
    target = (source % 7 + 1) * (letter < length)
    model = Translator()
    optimizer = torch.optim.Adamax(model.parameters(), lr=0.01)
    for words, goal in minibatches(source, target, 64, 300):
        logits = model(words, F.pad(goal, (1, 0))[:, :-1])
        each = F.cross_entropy(logits.transpose(1, 2), goal, reduction="none")
        counts = (goal != 0) if fixed else (goal == 0)
        loss = (each * counts).sum() / counts.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    words, goal = source[:300], target[:300]
    return (model.translate(words) == goal)[goal != 0].float().mean()


@faulty("accuracy on new sequences", at_least=0.9, causes=("frozen", "vanishing", "other"))
def state_detached_at_each_step(fixed=False):
    """The state of a hand-written recurrence is detached in each step, not once a piece: no
    gradient goes back in time, and it never learns what to remember."""
    cell, head = nn.GRUCell(2, 24), nn.Linear(24, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.01)

    def echo(x):
        state, out = torch.zeros(len(x), 24), []
        for now in x.unbind(1):
            state = cell(now, state if fixed else state.detach())
            out.append(head(state))
        return torch.cat(out, 1)[:, 5:]

    def signs(n):
        x = torch.randn(n, 12, 2)
        return x, (x[:, :-5, 0] > 0).float()

    for _ in range(400):
        x, y = signs(32)
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(echo(x), y).backward()
        optimizer.step()
    x, y = signs(300)
    with torch.no_grad():
        return ((echo(x) > 0) == y).float().mean()


@faulty("unexplained share of the forecast", at_most=0.4, causes=("wrong_shape", "other"))
def decoder_is_given_zeros(fixed=False):
    """The queries of a decoder are zeros at every step of the forecast, so nothing tells it which
    step it is to say; it gives one number for all of them. The cure learns a query for each."""
    phase, speed = 6.28 * torch.rand(640, 1), 0.3 + 0.4 * torch.rand(640, 1)
    waves = torch.sin(phase + speed * torch.arange(12))
    given, wanted = waves[:, :6, None], waves[:, 6:, None]
    places = nn.Parameter(0.3 * torch.randn(6, 16))
    queries = nn.Parameter(torch.randn(6, 16) * fixed, requires_grad=fixed)
    model = nn.ModuleDict(
        {
            "given": nn.Linear(1, 16),
            "layers": nn.Transformer(16, 2, 1, 1, 32, dropout=0.0, batch_first=True),
            "said": nn.Linear(16, 1),
        }
    )

    def forecast(x):
        asked = queries.expand(len(x), -1, -1)
        return model["said"](model["layers"](model["given"](x) + places, asked))

    parameters = [*model.parameters(), places, queries]
    optimizer = torch.optim.Adam(parameters, lr=0.005)
    for x, y in minibatches(given[:480], wanted[:480], 32, 150):
        optimizer.zero_grad()
        F.mse_loss(forecast(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        left = (forecast(given[480:]) - wanted[480:]).square().mean()
    return left / wanted[480:].var()


class Sensors(nn.Module):
    """A convolution over time for readings of `(batch, time, sensor)`."""

    def __init__(self, sensors, classes, fixed):
        super().__init__()
        self.fixed = fixed
        self.first, self.second = nn.Conv1d(sensors, 24, 5), nn.Conv1d(24, 24, 5)
        self.said = nn.Linear(24, classes)

    def forward(self, x):
        b, t, c = x.shape
        x = x.permute(0, 2, 1) if self.fixed else x.view(b, c, t)
        return self.said(self.second(self.first(x).relu()).relu().mean(2))


@faulty("held-out accuracy", at_least=0.8, causes=("wrong_shape",))
def view_for_a_permutation(fixed=False):
    """A view gives readings of (batch, time, sensor) the sizes that a convolution asks for, and
    mixes the sensors. Two neighbours of six swing together; which two is asked."""
    pair = torch.randint(5, (900,))
    sensors = torch.arange(6).expand(900, 6)
    apart = sensors - (sensors == pair[:, None] + 1).long()  # the second swings as the first does
    swings = (
        (6.28 * torch.rand(900, 6)).gather(1, apart),
        (0.5 + torch.rand(900, 6)).gather(1, apart),
    )
    x = torch.sin(swings[0][:, None] + swings[1][:, None] * torch.arange(48)[:, None])
    x = x + 0.3 * torch.randn(x.shape)
    model = Sensors(6, 5, fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    for xb, yb in minibatches(x[:700], pair[:700], 50, 300):
        optimizer.zero_grad()
        F.cross_entropy(model(xb), yb).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[700:]).argmax(1) == pair[700:]).float().mean()


class Windows(nn.Module):
    """A forecaster that normalises each window by itself."""

    def __init__(self, length, ahead, back):
        super().__init__()
        self.back = back
        self.net = nn.Sequential(nn.Linear(length, 32), nn.ReLU(), nn.Linear(32, ahead))

    def forward(self, x):
        mean, deviation = x.mean(1, keepdim=True), x.std(1, keepdim=True) + 1e-5
        y = self.net((x - mean) / deviation)
        return y * deviation + mean if self.back else y


@faulty("squared error left", at_most=0.3, causes=("unnormalised_input", "other"))
def windows_that_are_not_brought_back(fixed=False):
    """Each window is normalised by itself, and the forecast compared with raw sales: how much a
    store sells is gone."""
    days = torch.arange(20) + torch.randint(7, (1500, 1))
    sales = torch.randn(1500, 1).exp() * (1 + 0.5 * torch.sin(2 * torch.pi * days / 7))
    sales = sales * (1 + 0.1 * torch.randn(1500, 20))
    (x, y), held_out = split(sales[:, :14], sales[:, 14:])
    model = Windows(14, 6, back=fixed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for xb, yb in minibatches(x, y, 64, 400):
        optimizer.zero_grad()
        F.l1_loss(model(xb), yb).backward()
        optimizer.step()
    return unexplained(model, *held_out)
