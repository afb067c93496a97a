"""The sentences of the textbook this program was built around, in our words.

Source: "The most easily overlooked basics of neural networks, part two: activation and loss
functions" (in Chinese, blog.51cto.com/15009309/2553958). Every sentence has at least one claim; a
test sees to it.
"""

from types import MappingProxyType

SENTENCES = MappingProxyType(
    {
        "straight-boundary": "A linear classifier separates by a straight line, and a stack of "
        "linear layers is still linear.",
        "expressive": "An activation makes the network non-linear; with more layers it expresses "
        "more.",
        "universal-approximation": "One hidden layer of a squashing function approximates any "
        "(Borel measurable) function as closely as wanted.",
        "sigmoid-meaning": "The sigmoid's output has a meaning: a firing rate, a probability.",
        "sigmoid-saturates": "The sigmoid saturates near 0 and 1, where its gradient is almost 0.",
        "sigmoid-not-centred": "The sigmoid's output is not centred at 0: the gradients of a "
        "unit's weights share one sign and descent zig-zags. This is the lesser evil.",
        "exponential-slow": "Computing an exponential is slow.",
        "tanh": "tanh is centred at 0 and so better than the sigmoid; it saturates as well.",
        "relu-faster": "ReLU speeds gradient descent up, six times in AlexNet.",
        "relu-dies": "With a rate too high ReLU units die, up to 40 % of them; watch their share.",
        "leaky-relu": "Leaky ReLU is an answer to dead units; its results are not always stable.",
        "prelu": "PReLU learns the slope; the parameters double.",
        "maxout": "Maxout is an alternative at several times the parameters.",
        "advice": "Use ReLU and mind the rate; watch for dead units, else try leaky ReLU or "
        "Maxout; never sigmoid; tanh may be tried.",
        "backpropagation": "Backpropagation multiplies the error by the weights and the slopes of "
        "the activations, layer by layer.",
        "zero-softmax-regression": "Without a hidden layer weights may start at zero.",
        "zero-sigmoid": "With a hidden layer of sigmoids zero weights fail: units stay equal.",
        "zero-relu": "With ReLU zero weights make every output and gradient 0, and learning fails; "
        "the same holds for convolutional and recurrent networks.",
        "zero-only-single-layer": "So zero weights are for networks of a single layer only.",
        "losses-positive": "Cross-entropy is positive and falls to 0 as outputs meet their "
        "targets; squared error has both properties too.",
        "squared-error-slow": "Under squared error the update carries σ′(z): a unit that is wrong "
        "and sure learns very slowly at first.",
        "cross-entropy-fast": "Under cross-entropy σ′ cancels, and the update follows the error.",
        "squared-error-linear": "With outputs that do not saturate squared error keeps its value.",
    }
)
