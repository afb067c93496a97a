"""Why cross-entropy learns where squared error stalls."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

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

CHINESE = Words(
    title="交叉熵：平方误差学不动的地方，它为什么学得动",
    idea=(
        "训练靠的是损失对 z 的导数，z 是神经元在激活之前算出的加权和。z 与损失之间隔着激活函数，"
        "按链式法则，这个导数里总有一个因子 σ′(z)，用什么损失都逃不掉。损失函数能决定的，"
        "只是 σ′(z) 旁边的那个因子。",
        "平方误差给出的因子是 a − y。设想目标是 0，sigmoid 神经元却输出 0.98：误差几乎大到了头，"
        "可此时 z 正落在曲线平坦的一端，斜率接近 0，两者一乘，梯度便所剩无几。"
        "神经元错了，错得很有把握，却几乎一动不动。",
        "交叉熵给出的因子是 (a − y) / (a(1−a))，而 a(1−a) 恰好就是 sigmoid 的斜率。"
        "一约分，只剩下误差本身：错得越厉害，改得越快。这并非巧合：交叉熵就是"
        "“网络给实际结果的概率”的负对数，对数正好抵消了 sigmoid 里的指数。softmax 配交叉熵、"
        "线性输出配平方误差，也是这样的搭档。两种损失都非负，都在输出等于目标时取到最小，"
        "差别只在梯度里。",
    ),
    letters=(
        "一个 sigmoid 神经元的平方误差：z 是加权和，a = σ(z) 是输出，y 是目标，C 是损失，"
        "σ′(z) = a(1−a) 是 sigmoid 的斜率。",
        "同一个神经元的交叉熵：斜率在分子、分母上各出现一次，约掉了。",
        "softmax 与交叉熵：p[k] 是网络给第 k 类的概率；y[k] 在正确的类上为 1，其余为 0。"
        "PyTorch 的 CrossEntropyLoss 直接接收 logits（即 z），softmax 已经包含在内，"
        "所以前面不要再加一层 softmax。",
    ),
    measured=(
        "让一个输入恒为 1 的 sigmoid 神经元用梯度下降学目标 0。权重和偏置都从 2 出发时，"
        "最初的输出是 {start}：错了，而且很有把握。",
        "此时损失对 z 的导数，平方误差只有 {squared_gradient}，交叉熵有 {entropy_gradient}；"
        "第一步之后，后者输出的变化是前者的 {move} 倍。",
        "学习率相同，输出降到一半，平方误差要 {squared} 轮，交叉熵只要 {entropy} 轮。"
        "如果起初错得轻一些（输出 {gentle_start}），则分别是 {gentle_squared} 轮和 "
        "{gentle_entropy} 轮。",
        "公式 a − y 与 autograd 的结果最多相差 {autograd}。",
    ),
    rules=(
        "输出已经饱和却是错的，用的又是平方误差：本页所讲的情形，出现在你的网络里。",
        "CrossEntropyLoss 自带 softmax，前面又多加了一层：本已约掉的斜率又回来了。",
        "BCEWithLogitsLoss 前面多加了一层 sigmoid，道理相同。",
    ),
    claims=(
        "同一个神经元，两种损失，看 σ′ 如何约掉。",
        "平方误差下的神经元，分别从轻微的错误和“有把握的错误”出发。",
        "线性输出不会饱和，这时平方误差依然好用。",
    ),
    correction="网上有个流传很广的演示，说目标为 0 时 ∂C/∂z = 1/(1 − a)。那其实是 ∂C/∂a，"
    "即对输出求的导数。对 z 求导应当是 a(1−a) / (1 − a) = a，不会超过 1。"
    "所以交叉熵并不是在错得厉害时让梯度暴涨，而是不再让梯度缩小。",
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
    chinese=CHINESE,
)
