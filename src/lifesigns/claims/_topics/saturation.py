"""What becomes of the gradient on the flat ends of a sigmoid."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

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

CHINESE = Words(
    title="饱和：sigmoid 和 tanh 平坦的两端",
    idea=(
        "sigmoid 把任何数都压进 0 到 1 之间，tanh 压进 −1 到 1 之间。要做到这一点，"
        "曲线的两端就必须变平：z 的绝对值大到 5 左右以后，无论 z 再怎么变，输出都几乎不动。"
        "落在这种地方的神经元，就叫饱和了。",
        "平坦意味着斜率接近 0，而反向传播时，神经元的误差要乘以它的斜率。于是饱和的神经元学不动，"
        "那些只能通过它影响输出的前层权重也跟着学不动，哪怕输出错得离谱。权重太大、"
        "输入没有归一化（比如直接用 0 到 255 的像素），或者优化器迈了一大步，"
        "都会把神经元推到那里。",
        "即使没有一个神经元饱和，深度本身也会让情况变坏。sigmoid 最陡的地方在 z = 0，"
        "斜率也只有 1/4，而各层的斜率是要连乘的。tanh 好一些，它在 0 处的斜率是 1，但两端同样平坦。"
        "ReLU 只要处于激活状态，斜率就是 1，深层网络因此才变得好训练；它的代价在另一侧，"
        "参见 dead-units。",
    ),
    letters=(
        "斜率：σ 是 sigmoid，z 是神经元的加权和。",
        "设想一条链，共 L 层，每层只有一个神经元：δ[l] 是损失对 z[l] 的导数，"
        "w[l] 是通往第 l 层的权重。每退一层，就乘上一个权重和一个斜率。",
    ),
    measured=(
        "sigmoid 的斜率最大为 {top}；到了 z = 5，只剩 {five}。",
        "用 sigmoid 网络（Glorot 初始化）识别手写数字，在训练的第一步，"
        "比较第一层与最后一层权重的梯度。"
        "两个隐藏层时，两者之比是 {two}；4 层时是 {four}；8 层时是 {eight}。"
        "换成 8 层 ReLU（He 初始化），则是 {relu}。",
    ),
    rules=(
        "隐藏层神经元在大多数样本上都落在平坦的两端。",
        "好几个压缩型激活函数串在一起，并实测每一层真正的斜率。",
        "后果：前几层收不到梯度。",
        "同样的事发生在输出层：平方误差遇上了饱和的 sigmoid。",
    ),
    claims=(
        "梯度之比随深度的变化，以及曲线上各处的斜率。",
        "同一个网络，分别用 sigmoid、tanh 和 ReLU。",
    ),
    correction="常有人说，“一层 sigmoid 最多让四分之一的梯度通过”。这个上限只管斜率。"
    "每一层还要乘上权重，权重大，本来可以把它补回来；可惜权重一大，"
    "z 也就同时被推到了平坦的两端。",
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
    chinese=CHINESE,
)
