"""Why inputs of one sign make descent zig-zag, and how much that matters."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Zig-zag: what inputs of one sign do to descent",
    idea=(
        "The gradient of a weight is the error of its unit times the input it carries. All weights "
        "of a unit share the error. If all inputs are positive, as the outputs of sigmoids are, "
        "then all these gradients have the sign of the error: the unit's weights go up together "
        "or down together.",
        "Suppose that one weight has to grow and another has to shrink. No single step can do "
        "that. Descent overshoots with one, comes back with the other, and approaches the goal "
        "in a zig-zag, along a way that is longer than it need be. Inputs around 0 have no such "
        "restriction. That is why inputs are standardised, and one reason why tanh, whose outputs "
        "lie around 0, suits hidden layers better than the sigmoid.",
        "It is the lesser evil of the sigmoid. A batch mixes samples whose errors have different "
        "signs, and that blunts the effect; saturation is worse. ReLU's outputs are never "
        "negative either, but many are exactly 0, so that each sample moves other weights.",
    ),
    letters=(
        "For one sample: w[j] is the weight for the input x[j] of a unit, δ the error of that "
        "unit. With all x[j] > 0 every component has the sign of δ.",
        "How far the gradients g[j] of a unit's weights agree: 1 if all have one sign, near 0 if "
        "as much pulls up as down. We take the mean over the units of a layer.",
        "The way of the weights: the sum of the lengths of all steps, where η is the rate and "
        "g[t] the whole gradient at step t.",
    ),
    measured=(
        "Behind a layer of 32 sigmoids, on handwritten digits, the agreement of signs for a "
        "single sample is {single}.",
        "Over batches of 32 samples it is {batch} behind sigmoids and {tanh} behind tanh.",
        "Until the loss is 0.5 the weights travel {way_sigmoid} with sigmoids, {way_shifted} "
        "with σ(z) − ½, the same curve moved to lie around 0, and {way_tanh} with tanh. "
        "The first is {longer} times as long as the second.",
    ),
    rules=(
        "Inputs of one sign, gradients of one sign, and a loss that has stalled.",
        "The same for the data themselves: features far from 0 that slow learning down.",
    ),
    claims=("Agreement of signs, and the length of the way.",),
    correction="That all gradients of a unit share one sign holds for a single sample. Over a "
    "batch it is a tendency, as the second number shows. And what tanh gains over σ(z) − ½ is not "
    "the centre: it is four times as steep.",
)


TOPIC = Topic(
    name="zig-zag",
    formulas=(
        Formula(
            "∂C/∂w[j] = δ x[j]",
            r"\frac{\partial C}{\partial w_j} = \delta\, x_j",
        ),
        Formula(
            "|Σ g[j]| / Σ |g[j]|",
            r"\frac{|\sum_j g_j|}{\sum_j |g_j|}",
        ),
        Formula(
            "η |g[1]| + η |g[2]| + …",
            r"\sum_t \eta\, \| g_t \|",
        ),
    ),
    numbers={
        "single": Number("sigmoid-zigzag", "sign coherence for a single sample, sigmoid"),
        "batch": Number("sigmoid-zigzag", "sign coherence over a batch, sigmoid"),
        "tanh": Number("sigmoid-zigzag", "sign coherence over a batch, tanh"),
        "way_sigmoid": Number("sigmoid-zigzag", "way of the weights, sigmoid"),
        "way_shifted": Number("sigmoid-zigzag", "way of the weights, shifted sigmoid"),
        "way_tanh": Number("sigmoid-zigzag", "way of the weights, tanh"),
        "longer": Number("sigmoid-zigzag", "way of the weights, sigmoid over shifted sigmoid"),
    },
    rules=("one-sided-inputs", "unscaled-input"),
    claims=("sigmoid-zigzag",),
    references=(
        "LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.3",
        "CS231n, Neural Networks Part 1: sigmoid outputs are not zero-centered",
    ),
    english=ENGLISH,
)
