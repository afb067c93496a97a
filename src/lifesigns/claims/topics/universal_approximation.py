"""What one hidden layer can express, and what the theorem does not say."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Universal approximation: what one hidden layer can express",
    idea=(
        "A linear layer can only stretch, turn and shift. Two of them in a row are again one: the "
        "product of two matrices is a matrix. A network becomes more than a linear model by what "
        "stands between its layers, the activation.",
        "How much more? As much as one could wish. A ReLU unit of one input is a line with a bend. "
        "A sum of such units is a line with many bends, whose places and angles may be chosen, "
        "and with enough of them it follows any continuous curve as closely as wanted. With "
        "sigmoids the pieces are soft steps, and a sum of steps builds up a curve like a "
        "staircase. The theorem says that this works in any dimension, with a single hidden layer, "
        "for every activation that is not a polynomial.",
        "It is a sentence about what exists. It does not say how many units it takes (in many "
        "dimensions that may be exponentially many), nor that gradient descent will find the "
        "weights, nor that the function fits anything but the data it was given. Deep networks "
        "are used because they express much with fewer units, not because one layer could not.",
    ),
    letters=(
        "One hidden layer of n units: x is the input, w[k] and b[k] are the weights and the bias "
        "of unit k, v[k] is its weight to the output, σ the activation.",
        "The theorem: for every continuous function f on a closed and bounded set K, and every "
        "ε > 0, there is an n and there are weights with this error.",
        "Without an activation: two layers are a single one.",
    ),
    measured=(
        "The function sin 2x + |x|/2 − exp(−4(x − 1)²) from −3 to 3 is approximated by one hidden "
        "layer whose bends are spaced evenly; only the output weights are fitted, by least "
        "squares, so that the error shows what the layer can express. From 2 over 32 to 512 units "
        "the largest error falls with ReLU from {relu2} over {relu32} to {relu512}, with tanh from "
        "{tanh2} over {tanh32} to {tanh512}, and with sigmoids from {sigmoid2} over {sigmoid32} to "
        "{sigmoid512}.",
        "With a cubic polynomial as activation the error at 512 units is {stuck}: a sum of cubics "
        "is a cubic, however many there are.",
        "Stacks of up to 5 linear layers differ from the product of their matrices by {linear} at "
        "most.",
    ),
    rules=("Layers with nothing non-linear between them.",),
    claims=(
        "The largest error against the number of units.",
        "A stack of linear layers is one linear layer.",
    ),
    correction='The theorem is often quoted as "a network can learn any function". It says '
    "approximate, not learn; and not any function: uniformly it holds for continuous functions on "
    "a closed and bounded set, for others (Borel measurable ones) up to a set as small as wanted. "
    "The squashing shape that the first proofs asked for is not needed, only that the activation "
    "is no polynomial.",
)


TOPIC = Topic(
    name="universal-approximation",
    formulas=(
        Formula(
            "F(x) = Σ v[k] σ(w[k]·x + b[k]),  k = 1 … n",
            r"F(x) = \sum_{k=1}^{n} v_k \,\sigma(w_k \cdot x + b_k)",
        ),
        Formula(
            "|F(x) − f(x)| < ε  ∀x ∈ K",
            r"|F(x) - f(x)| < \varepsilon \quad \forall x \in K",
        ),
        Formula(
            "W[2](W[1] x + b[1]) + b[2] = (W[2] W[1]) x + (W[2] b[1] + b[2])",
            r"W_2 (W_1 x + b_1) + b_2 = (W_2 W_1)\, x + (W_2 b_1 + b_2)",
        ),
    ),
    numbers={
        **{
            f"{name.lower()}{width}": Number(
                "universal-approximation", f"{name}: error at {width} units"
            )
            for name in ("ReLU", "tanh", "sigmoid")
            for width in (2, 32, 512)
        },
        "stuck": Number("universal-approximation", "error of a polynomial activation at 512 units"),
        "linear": Number("linear-stack", "largest distance of a stack from its product matrix"),
    },
    rules=("linear-collapse",),
    claims=("universal-approximation", "linear-stack"),
    references=(
        "Cybenko 1989, Approximation by Superpositions of a Sigmoidal Function",
        "Hornik, Stinchcombe & White 1989, Multilayer Feedforward Networks Are Universal "
        "Approximators",
        "Leshno, Lin, Pinkus & Schocken 1993, Multilayer Feedforward Networks with a "
        "Nonpolynomial Activation Function Can Approximate Any Function",
    ),
    english=ENGLISH,
)
