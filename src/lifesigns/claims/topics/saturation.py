"""What becomes of the gradient on the flat ends of a sigmoid."""

from lifesigns.claims.topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Saturation: the flat ends of sigmoid and tanh",
    idea=(
        "A sigmoid squeezes every number into the interval from 0 to 1, tanh into −1 to 1. To do "
        "that they have to become flat: beyond about 5 in either direction the output hardly "
        "changes any more, whatever z does. A unit that stands there is called saturated.",
        "Flat means a slope near 0, and in backpropagation the error of a unit is multiplied by "
        "its slope. So a saturated unit does not learn, and neither does anything in front of it "
        "that is heard through it alone, however wrong the output is. It gets there by weights "
        "that are too large, by raw inputs (pixels from 0 to 255), or by one large step of the "
        "optimizer.",
        "Depth makes it worse without anybody being saturated. Even at its steepest, at z = 0, "
        "the sigmoid has a slope of 1/4 only, and slopes multiply. tanh is better (its slope at 0 "
        "is 1) but has the same flat ends. ReLU has the slope 1 wherever it is active, which is "
        "why it made deep networks trainable; its price is the other side, see dead-units.",
    ),
    letters=(
        "The slopes: σ is the sigmoid, z the weighted sum of the unit.",
        "A chain of L layers with one unit each: δ[l] is the derivative of the loss with respect "
        "to z[l], w[l] the weight that leads into layer l. Every layer contributes a weight and "
        "a slope.",
    ),
    measured=(
        "The largest slope of the sigmoid is {top}; at z = 5 it is {five}.",
        "In networks of sigmoids on handwritten digits, with Glorot's weights, we compare the "
        "gradient of the first layer's weights with that of the last at the first step. With 2 "
        "hidden layers their ratio is {two}, with 4 layers {four}, with 8 layers {eight}. With 8 "
        "layers of ReLU and He's weights it is {relu}.",
    ),
    rules=(
        "Hidden units that stand on the flat ends for most of what they see.",
        "Several squashing layers in a row, and the slope that each of them really has.",
        "The result: first layers that get no gradient.",
        "The same at the output, where squared error meets a saturated sigmoid.",
    ),
    claims=(
        "The ratio of gradients by depth, and the slope along the curve.",
        "Sigmoid, tanh and ReLU in the same network.",
    ),
    correction="It is often said that a layer of sigmoids lets at most a quarter of the gradient "
    "through. That bounds the slope alone. Each layer also multiplies by its weights, and large "
    "weights could make up for it, if they did not drive z to the flat ends at the same time.",
)


TOPIC = Topic(
    name="saturation",
    formulas=(
        Formula(
            "σ′(z) = σ(z)(1 − σ(z)) ≤ 1/4,  tanh′(z) = 1 − tanh²(z) ≤ 1",
            r"\sigma'(z) = \sigma(z)(1 - \sigma(z)) \le \tfrac{1}{4}, \quad "
            r"\tanh'(z) = 1 - \tanh^2(z) \le 1",
        ),
        Formula(
            "δ[1] = σ′(z[1]) w[2] · σ′(z[2]) w[3] · … · σ′(z[L−1]) w[L] · δ[L]",
            r"\delta^{[1]} = \sigma'(z^{[1]})\,w^{[2]} \cdot \sigma'(z^{[2]})\,w^{[3]} "
            r"\cdots \sigma'(z^{[L-1]})\,w^{[L]} \cdot \delta^{[L]}",
        ),
    ),
    numbers={
        "top": Number("sigmoid-saturates", "largest slope of the sigmoid"),
        "five": Number("sigmoid-saturates", "slope at z = 5"),
        "two": Number("sigmoid-saturates", "the same with 2 layers"),
        "four": Number("sigmoid-saturates", "the same with 4 layers"),
        "eight": Number("sigmoid-saturates", "first over last gradient, 8 layers of sigmoids"),
        "relu": Number("sigmoid-saturates", "the same with ReLU"),
    },
    rules=(
        "saturated-units",
        "stacked-squashing",
        "vanishing-gradient",
        "squared-error-on-saturated-output",
    ),
    claims=("sigmoid-saturates", "tanh-against-sigmoid"),
    references=(
        "Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural "
        "Networks",
        "M. Nielsen, Neural Networks and Deep Learning, chapter 5, 2015",
    ),
    english=ENGLISH,
)
