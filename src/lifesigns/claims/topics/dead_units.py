"""ReLU units that never fire, and why they do not come back."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Dead units: ReLUs that never fire again",
    idea=(
        "ReLU gives z where z is positive and 0 where it is not. On the positive side the slope is "
        "1, so the gradient passes unharmed; on the other side output and slope are both exactly "
        "0. For a single sample that is as it should be: units that are silent for some inputs "
        "and speak for others are what makes the network non-linear.",
        "A unit is dead when it is silent for every input there is. Then no sample sends a "
        "gradient to its weights, and gradient descent, which moves a weight along its gradient, "
        "leaves it where it is. The network has one unit less, and with a whole layer dead nothing "
        "in front of it learns any more.",
        "Units die in two ways. One large step can push the bias or the weights so far that z is "
        "negative for all of the data: hence more units die as the rate grows. Or they are born "
        "dead, by negative biases or by bad luck with the initial weights, which deep and narrow "
        "networks are sure to have sooner or later. Remedies follow from that: a lower rate, "
        "He's initial weights with biases of 0, normalised inputs, more width, or an activation "
        "with some slope on the left, such as leaky ReLU.",
    ),
    letters=(
        "ReLU and its slope: z is the weighted sum of the unit.",
        "The condition of death: w and b are the unit's weights and bias, x runs over all of its "
        "inputs. The gradient of the weights is a sum of terms that are all 0.",
        "Leaky ReLU: the small slope α (0.01 in PyTorch) leaves a way back.",
    ),
    measured=(
        "Networks of two hidden layers of 100 ReLUs are trained by Adam on handwritten digits. At "
        "a rate of 0.01 a share of {low} of the hidden units is dead at the end; at 0.03 it is "
        "{middle}, at 0.1 it is {high}.",
        "By plain descent with momentum, at a rate of 0.1, ReLU loses a share of {relu}; leaky "
        "ReLU loses {leaky} at any rate tried.",
        "Born dead: of networks two units wide with He's weights, drawn at random, a share of "
        "{five} gives the same output for every input at depth 5, {ten} at depth 10 and {twenty} "
        "at depth 20. No step of training has been taken.",
    ),
    rules=(
        "Units that were silent for everything they saw; its manual page is above, on a terminal.",
        "The same before the first update.",
        "What it does to the layers before: a gradient of exactly 0.",
    ),
    claims=(
        "The share of dead units against the learning rate.",
        "Leaky ReLU beside ReLU, at three rates.",
        "Networks born dead, by depth.",
    ),
    correction="Two sentences are repeated without care. That 40% of a network may die is a "
    "remark in lecture notes (CS231n) without an experiment; the share is anything between 0 and "
    "1, and above all the rate decides. And a dead unit is not dead for ever by necessity: its "
    "own weights get no gradient, but the layers before it may still move through other units, "
    "and change its inputs until it speaks. In the first layer, where the inputs are the data, "
    "only leftover momentum or weight decay could do that.",
)


TOPIC = Topic(
    name="dead-units",
    formulas=(
        Formula(
            "ReLU(z) = max(0, z),  ReLU′(z) = 1 (z > 0), 0 (z < 0)",
            r"\mathrm{ReLU}(z) = \max(0, z), \quad "
            r"\mathrm{ReLU}'(z) = 1 \;\; (z > 0), \;\; 0 \;\; (z < 0)",
        ),
        Formula(
            "w·x + b < 0 ∀x  →  ∂C/∂w = Σ δ(x) x = 0,  ∂C/∂b = Σ δ(x) = 0",
            r"w \cdot x + b < 0 \;\; \forall x \;\Rightarrow\; "
            r"\frac{\partial C}{\partial w} = \sum_x \delta(x)\,x = 0, \quad "
            r"\frac{\partial C}{\partial b} = \sum_x \delta(x) = 0",
        ),
        Formula(
            "LeakyReLU(z) = max(αz, z),  0 < α < 1",
            r"\mathrm{LeakyReLU}(z) = \max(\alpha z, z), \quad 0 < \alpha < 1",
        ),
    ),
    numbers={
        "low": Number("relu-dies", "dead share at a rate of 0.01"),
        "middle": Number("relu-dies", "dead share at a rate of 0.03"),
        "high": Number("relu-dies", "dead share at a rate of 0.1"),
        "relu": Number("leaky-relu", "dead share of ReLU at the wild rate"),
        "leaky": Number("leaky-relu", "largest dead share of leaky ReLU at any rate"),
        "five": Number("born-dead", "share born dead at depth 5"),
        "ten": Number("born-dead", "share born dead at depth 10"),
        "twenty": Number("born-dead", "share born dead at depth 20"),
    },
    rules=("dead-units", "dead-from-birth", "zero-gradient"),
    claims=("relu-dies", "leaky-relu", "born-dead"),
    references=(
        "CS231n, Neural Networks Part 1: commonly used activation functions",
        "Lu et al. 2019, Dying ReLU and Initialization",
        "Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    ),
    english=ENGLISH,
)
