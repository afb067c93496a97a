"""How the error travels back through a network, and what becomes of it on the way."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Backpropagation: the error on its way back",
    idea=(
        "To make the loss smaller we need to know, for each weight, how the loss changes if that "
        "weight does. A network is a function inside a function inside a function, so the chain "
        "rule gives the answer: a product with one factor for every step between the weight and "
        "the loss. Worked out for each weight on its own that would be hopeless. "
        "Backpropagation computes the products from the loss backwards and uses what they share: "
        "one pass back costs about twice as much as the pass forward, however many weights "
        "there are.",
        "What travels back is δ, the derivative of the loss with respect to the weighted sum z of "
        "each unit: how much, and in which direction, that unit should have answered otherwise. "
        "From one layer to the one before it δ is multiplied by two things: by the weights, the "
        "same that carried the signal forward, and by the slope of the activation at the place "
        "where the unit stands. The gradient of a weight is then the δ of the unit it leads to "
        "times the value it carries.",
        "Nearly every way in which training fails can be read off this product. Slopes near 0: "
        "saturated units let nothing through. Slopes of exactly 0: dead ReLUs. Weights of 0: "
        "nothing arrives in front of them. Equal weights: equal δ, and units that never differ. "
        "Many factors below 1: the gradient vanishes; above 1: it explodes.",
    ),
    letters=(
        "Forward: a[0] is the input, W[l] and b[l] are the weights and biases of layer l, z[l] "
        "is its weighted sum, a[l] its output and σ its activation.",
        "At the output layer L with softmax and cross-entropy: p is the predicted probability of "
        "each class and y is 1 for the right one, 0 for the others.",
        "One layer back: ᵀ transposes the matrix, so that the weights are used from output to "
        "input, and ⊙ multiplies unit by unit. σ′ is the slope of the activation.",
        "The gradient of one sample: the error of the unit times the value at its input. The loss "
        "of a batch is a mean over its samples, so the optimizer gets the mean of their gradients.",
    ),
    measured=(
        "A network of four hidden layers of 32 sigmoids, with Glorot's weights, is given 128 "
        "handwritten digits before any training. Written out by these formulas, its gradients "
        "differ from those of PyTorch's autograd by {autograd} at most.",
        "At the output the root mean square of δ, over samples and units, is {delta5}. Going back "
        "it is {delta4}, {delta3}, {delta2} and, at the first layer, {delta1}.",
        "So a share of {ratio} of the error is left for the first layer. The slopes account for "
        "much of it: in every layer their mean lies between {low} and {high}, and none can exceed "
        "1/4. The rest is done by the weights.",
    ),
    rules=(
        "The gradient fades before it reaches the first layers.",
        "It grows instead, over the depth or from step to step.",
        "It is exactly 0: the rule finds the place where the chain is cut.",
    ),
    claims=(
        "The formulas, written out, against autograd, and δ by layer.",
        "What is left of the gradient by depth, with sigmoids and with ReLU.",
    ),
)


TOPIC = Topic(
    name="backprop",
    formulas=(
        Formula(
            "z[l] = W[l] a[l−1] + b[l],  a[l] = σ(z[l])",
            r"z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}, \quad a^{[l]} = \sigma(z^{[l]})",
        ),
        Formula(
            "δ[L] = ∂C/∂z[L] = p − y",
            r"\delta^{[L]} = \frac{\partial C}{\partial z^{[L]}} = p - y",
        ),
        Formula(
            "δ[l] = ∂C/∂z[l] = (W[l+1]ᵀ δ[l+1]) ⊙ σ′(z[l])",
            r"\delta^{[l]} = \frac{\partial C}{\partial z^{[l]}} = "
            r"(W^{[l+1]\,T} \delta^{[l+1]}) \odot \sigma'(z^{[l]})",
        ),
        Formula(
            "∂C/∂W[l] = δ[l] a[l−1]ᵀ,  ∂C/∂b[l] = δ[l]",
            r"\frac{\partial C}{\partial W^{[l]}} = \delta^{[l]}\, a^{[l-1]\,T}, \quad "
            r"\frac{\partial C}{\partial b^{[l]}} = \delta^{[l]}",
        ),
    ),
    numbers={
        "autograd": Number("backpropagation", "largest difference from autograd"),
        "ratio": Number("backpropagation", "δ of the first layer over that of the last"),
        "low": Number("backpropagation", "smallest mean slope of a layer"),
        "high": Number("backpropagation", "largest mean slope of a layer"),
        **{
            f"delta{layer}": Number("backpropagation", f"RMS of δ, layer {layer}")
            for layer in range(1, 6)
        },
    },
    rules=("vanishing-gradient", "exploding-gradient", "zero-gradient"),
    claims=("backpropagation", "sigmoid-saturates"),
    references=(
        "Rumelhart, Hinton & Williams 1986, Learning Representations by Back-Propagating Errors",
        "M. Nielsen, Neural Networks and Deep Learning, chapter 2, 2015",
        "Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.5",
    ),
    english=ENGLISH,
)
