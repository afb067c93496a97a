"""Why cross-entropy learns where squared error stalls."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Cross-entropy: why it learns where squared error stalls",
    idea=(
        "A network learns through the derivative of its loss with respect to z, the weighted sum "
        "that a unit computes before its activation. Between z and the loss stands the "
        "activation, so by the chain rule its slope σ′(z) is a factor of that derivative, "
        "whatever the loss. What a loss can choose is only the factor beside it.",
        "Squared error puts a − y beside it. Take a sigmoid unit that says 0.98 where 0 is "
        "wanted: the error could hardly be larger, but z lies far out on the flat end of the "
        "curve, where the slope is almost 0, and so is the product. The unit is wrong, sure of "
        "it, and does not move.",
        "Cross-entropy puts (a − y) / (a(1−a)) beside it, and a(1−a) is just the slope of the "
        "sigmoid. The two cancel and the error itself is left: the more wrong, the faster. This "
        "is no accident. Cross-entropy is the negative logarithm of the probability that the "
        "network gave to what happened, and the logarithm undoes the exponential in the sigmoid. "
        "Softmax with cross-entropy and a linear output with squared error are pairs of the same "
        "kind. Both losses are positive and fall to their least when output meets target; the "
        "difference lies in the gradient alone.",
    ),
    letters=(
        "Squared error of one sigmoid unit: z is its weighted sum, a = σ(z) its output, y the "
        "target, C the loss, σ′(z) = a(1−a) the slope of the sigmoid.",
        "Cross-entropy of the same unit: the slope stands above and below and cancels.",
        "Softmax and cross-entropy: p[k] is the probability given to class k, and y[k] is 1 for "
        "the right class and 0 for the others. PyTorch's CrossEntropyLoss computes both in one "
        "from the logits z, which is why no softmax belongs in front of it.",
    ),
    measured=(
        "One sigmoid unit with the input 1 is to learn the target 0 by gradient descent. From "
        "weight and bias 2 its output is {start} at first: wrong, and sure.",
        "There the derivative with respect to z is {squared_gradient} under squared error and "
        "{entropy_gradient} under cross-entropy; the first step moves the output {move} times as "
        "far.",
        "Until the output has halved it takes {squared} epochs under squared error and {entropy} "
        "under cross-entropy, at the same rate. From a milder mistake, an output of "
        "{gentle_start}, it takes {gentle_squared} and {gentle_entropy}.",
        "The formula a − y differs from what autograd computes by {autograd} at most.",
    ),
    rules=(
        "Outputs that are sure and wrong under squared error: this page, on your network.",
        "A softmax in front of CrossEntropyLoss, which applies its own: the slopes that had "
        "cancelled are back.",
        "The same for a sigmoid in front of BCEWithLogitsLoss.",
    ),
    claims=(
        "The same unit under both losses; σ′ cancels.",
        "The unit under squared error, from a mild and from a sure mistake.",
        "With a linear output, which cannot saturate, squared error keeps its value.",
    ),
    correction="A popular web demonstration prints ∂C/∂z = 1/(1 − a) for the target 0. That is "
    "∂C/∂a, the derivative with respect to the output. With respect to z it is "
    "a(1−a) / (1 − a) = a, which never exceeds 1: cross-entropy does not explode where it is "
    "very wrong, it stops shrinking.",
)


TOPIC = Topic(
    name="cross-entropy",
    formulas=(
        Formula(
            "C = ½(a − y)²,  ∂C/∂z = (a − y) · σ′(z)",
            r"C = \tfrac{1}{2}(a - y)^2, \quad "
            r"\frac{\partial C}{\partial z} = (a - y)\,\sigma'(z)",
        ),
        Formula(
            "C = −y ln a − (1 − y) ln(1 − a),  ∂C/∂z = (a − y)/(a(1 − a)) · σ′(z) = a − y",
            r"C = -y \,\ln a - (1 - y)\,\ln(1 - a), \quad "
            r"\frac{\partial C}{\partial z} = \frac{a - y}{a(1 - a)}\,\sigma'(z) = a - y",
        ),
        Formula(
            "C = −Σ y[k] ln p[k],  p = softmax(z),  ∂C/∂z[k] = p[k] − y[k]",
            r"C = -\sum_k y_k \,\ln p_k, \quad p = \mathrm{softmax}(z), \quad "
            r"\frac{\partial C}{\partial z_k} = p_k - y_k",
        ),
    ),
    numbers={
        "start": Number("squared-error-saturates", "output at the start, wrong and sure"),
        "gentle_start": Number("squared-error-saturates", "output at the start, mildly wrong"),
        "squared_gradient": Number(
            "cross-entropy-cancels", "∂C/∂z at the start under squared error"
        ),
        "entropy_gradient": Number("cross-entropy-cancels", "∂C/∂z at the start, wrong and sure"),
        "move": Number("cross-entropy-cancels", "first move against that of squared error"),
        "squared": Number("squared-error-saturates", "epochs to half, wrong and sure"),
        "entropy": Number("cross-entropy-cancels", "epochs to half, wrong and sure"),
        "gentle_squared": Number("squared-error-saturates", "epochs to half, mildly wrong"),
        "gentle_entropy": Number("cross-entropy-cancels", "epochs to half, mildly wrong"),
        "autograd": Number("cross-entropy-cancels", "largest |∂C/∂z - (a - y)| against autograd"),
    },
    rules=("squared-error-on-saturated-output", "doubled-softmax", "doubled-sigmoid"),
    claims=("cross-entropy-cancels", "squared-error-saturates", "squared-error-linear"),
    references=(
        "M. Nielsen, Neural Networks and Deep Learning, chapter 3, 2015",
        "C. Bishop, Pattern Recognition and Machine Learning, sections 4.3.6 and 5.2, 2006",
    ),
    english=ENGLISH,
)
