"""Why weights may or may not start at zero."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Zero initialisation: where it is fine and where it fails",
    idea=(
        "If nothing is known about the weights, 0 seems the fairest start. Whether it works is "
        "decided by the network's symmetry. Two hidden units with the same weights in and the "
        "same weights out are interchangeable: swap them and the network is the same. "
        "Backpropagation sees no difference between them either, gives both the same gradient, "
        "and they make the same step. They were copies, they stay copies. A layer of a hundred "
        "such units can express what one unit can.",
        "Without a hidden layer there is no such symmetry. In softmax or logistic regression "
        "each output unit has a target of its own, so the gradients differ from the first step "
        "on, and zero is a fine start.",
        "With hidden layers zero is worse than equal. The error reaches a hidden layer through "
        "the weights behind it, and these are 0. With ReLU the hidden outputs are 0 as well, so "
        "the last weights, whose gradient is error times input, get none either: all weights "
        "stay at exactly 0. With sigmoids the hidden outputs are 1/2, the last weights do move, "
        "and then all the units of a layer move alike. Random initial weights are there to break "
        "the symmetry; biases may well start at 0.",
    ),
    letters=(
        "Symmetry: if two units i and j of a layer have equal weights towards the input (W) and "
        "towards the output (V), then their gradients are equal, at every step.",
        "From zero with ReLU: a is the output of the hidden layer, δ the error at the output and "
        "δ[h] the error at the hidden layer. Only the last bias b is left with a gradient.",
        "That bias then learns the frequency f[k] of each class k: the best constant answer.",
    ),
    measured=(
        "Softmax regression on handwritten digits from zero reaches an accuracy of {softmax}; "
        "from zero minus from random weights, with the same order of batches: {gap}.",
        "From zero with ReLU the largest weight after training is {mlp} in an MLP, {cnn} in a "
        "convolutional and {rnn} in a recurrent network: exactly where it started. The MLP's "
        "accuracy is {chance}; the most frequent class has a share of {frequent}.",
        "The output bias of that MLP gives the frequencies of the classes, to {error}.",
        "With one hidden layer of 32 sigmoids the units differ after 50 steps by {spread} of "
        "their size, which is rounding. Accuracy is {sigmoid}, against {glorot} from Glorot's "
        "weights.",
    ),
    rules=(
        "Hidden units that are copies of one another; silent on softmax regression from zero.",
        "Parameters whose gradient is exactly 0, such as the weights of a ReLU network from zero.",
    ),
    claims=(
        "ReLU from zero, in an MLP, a convolutional and a recurrent network.",
        "Sigmoids from zero: they learn, but all the same thing.",
        "Without a hidden layer zero is as good as random.",
        "The rule fires where there is a hidden layer, and only there.",
    ),
    correction="The textbook says that with ReLU and zero weights all gradients are 0. Not quite: "
    "the output bias gets one, and learns how frequent the classes are. It also says that "
    "sigmoids from zero fail. They do learn something, as the numbers show: what a network with a "
    "single unit in each hidden layer could.",
)


TOPIC = Topic(
    name="zero-init",
    formulas=(
        Formula(
            "W[i] = W[j], V[i] = V[j]  →  ∂C/∂W[i] = ∂C/∂W[j], ∂C/∂V[i] = ∂C/∂V[j]",
            r"W_i = W_j, \; V_i = V_j \;\Rightarrow\; "
            r"\frac{\partial C}{\partial W_i} = \frac{\partial C}{\partial W_j}, \; "
            r"\frac{\partial C}{\partial V_i} = \frac{\partial C}{\partial V_j}",
        ),
        Formula(
            "∂C/∂V = δ aᵀ = 0 (a = 0),  δ[h] = (Vᵀ δ) ⊙ σ′(z) = 0 (V = 0),  ∂C/∂b = δ",
            r"\frac{\partial C}{\partial V} = \delta\, a^T = 0, \quad "
            r"\delta^{[h]} = (V^T \delta) \odot \sigma'(z) = 0, \quad "
            r"\frac{\partial C}{\partial b} = \delta",
        ),
        Formula(
            "softmax(b)[k] → f[k]",
            r"\mathrm{softmax}(b)_k \rightarrow f_k",
        ),
    ),
    numbers={
        "softmax": Number("zero-start-softmax-regression", "accuracy from zero"),
        "gap": Number("zero-start-softmax-regression", "zero minus random, same seeds"),
        "mlp": Number("zero-start-relu", "largest weight of the MLP after training"),
        "cnn": Number("zero-start-relu", "largest weight of the CNN after training"),
        "rnn": Number("zero-start-relu", "largest weight of the RNN after training"),
        "chance": Number("zero-start-relu", "accuracy of the MLP"),
        "frequent": Number("zero-start-relu", "share of the most frequent class"),
        "error": Number("zero-start-relu", "class frequencies in the output bias, largest error"),
        "spread": Number(
            "zero-start-sigmoid", "spread of the hidden units after 50 steps, in their size"
        ),
        "sigmoid": Number("zero-start-sigmoid", "accuracy from zero"),
        "glorot": Number("zero-start-sigmoid", "accuracy from Glorot's weights"),
    },
    rules=("symmetric-units", "zero-gradient"),
    claims=(
        "zero-start-relu",
        "zero-start-sigmoid",
        "zero-start-softmax-regression",
        "zero-start-rule",
    ),
    references=(
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4: parameter "
        "initialization strategies",
        "CS231n, Neural Networks Part 2: weight initialization",
    ),
    english=ENGLISH,
)
