"""Why inputs of one sign make descent zig-zag, and how much that matters."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

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

CHINESE = Words(
    title="之字形下降：输入全为正会怎样",
    idea=(
        "一个权重的梯度，等于它所属神经元的误差乘以它传递的输入。同一个神经元的所有权重，"
        "共用同一个误差。如果输入全是正数（sigmoid 的输出正是如此），"
        "那么这些梯度的正负号都由误差决定："
        "这个神经元的权重要么一起变大，要么一起变小。",
        "假如有一个权重该变大，另一个该变小，一步之内就办不到。梯度下降只好先顾一头、走过了头，"
        "再回来顾另一头，走着“之”字接近目标，白白多走许多路。输入若分布在 0 的两侧，"
        "就没有这个限制。"
        "这正是要把输入标准化的道理；tanh 的输出以 0 为中心，比 sigmoid 更适合做隐藏层，"
        "这也是原因之一。",
        "不过在 sigmoid 的各种毛病里，这算是较轻的一个。一个批次里，不同样本的误差有正有负，"
        "效应会因此减弱；相比之下，饱和要严重得多。ReLU 的输出也从不为负，但其中有许多恰好是 0，"
        "所以每个样本牵动的是不同的权重。",
    ),
    letters=(
        "对单个样本：w[j] 是神经元对应输入 x[j] 的权重，δ 是该神经元的误差。"
        "若所有 x[j] > 0，则每个分量都与 δ 同号。",
        "一个神经元各权重的梯度 g[j] 在多大程度上同号：全部同号为 1，正负相抵则接近 0。"
        "再对一层的神经元取平均。",
        "权重走过的路程：每一步步长之和，其中 η 是学习率，g[t] 是第 t 步的整个梯度。",
    ),
    measured=(
        "手写数字，前一层是 32 个 sigmoid：对单个样本，梯度的同号程度是 {single}。",
        "对 32 个样本的批次，前一层用 sigmoid 时是 {batch}，用 tanh 时是 {tanh}。",
        "损失降到 0.5 为止，权重走过的路程：用 sigmoid 是 {way_sigmoid}；用 σ(z) − ½，"
        "也就是把同一条曲线平移到以 0 为中心，是 {way_shifted}；用 tanh 是 {way_tanh}。"
        "第一个是第二个的 {longer} 倍。",
    ),
    rules=(
        "输入同号，梯度也同号，而且损失已经停滞。",
        "数据本身的同类问题：特征远离 0，拖慢了学习。",
    ),
    claims=("同号程度，以及路程的长短。",),
    correction="“一个神经元的所有梯度都同号”，只对单个样本成立；对一个批次来说，这只是一种倾向，"
    "上面第二个数据说明了这一点。另外，tanh 比 σ(z) − ½ 走得更短，"
    "靠的不是“以 0 为中心”，而是坡度：它的坡度是后者的四倍。",
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
    chinese=CHINESE,
)
