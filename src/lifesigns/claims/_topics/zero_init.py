"""Why weights may or may not start at zero."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

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

CHINESE = Words(
    title="零初始化：什么时候没问题，什么时候学不动",
    idea=(
        "对权重一无所知时，从 0 开始似乎最公平。行不行，要看网络的对称性。"
        "如果两个隐藏神经元的输入权重相同、"
        "输出权重也相同，那么把它们对调，网络还是原来的网络。反向传播同样分不清谁是谁，"
        "给它们的梯度一样，它们迈的步子也就一样。起初是复制品，就永远是复制品。"
        "一层里有一百个这样的神经元，表达能力也只顶一个。",
        "没有隐藏层时，就没有这种对称性。在 softmax 回归或逻辑回归里，每个输出神经元各有各的目标，"
        "从第一步起梯度就不一样，所以从 0 开始完全没有问题。",
        "有了隐藏层，全零比“彼此相等”还要糟。误差要经过后面的权重才能传到隐藏层，而这些权重都是 0。"
        "用 ReLU 时，隐藏层的输出也是 0，最后一层权重的梯度等于误差乘以输入，于是同样为 0："
        "所有权重都原地不动。用 sigmoid 时，隐藏层的输出是 1/2，最后一层的权重动得起来，"
        "可是每一层的神经元从此步调完全一致。随机初始化的用处，就是打破这种对称；"
        "至于偏置，从 0 开始倒是无妨。",
    ),
    letters=(
        "对称性：同一层的神经元 i 和 j，如果输入侧的权重（W）相等，输出侧的权重（V）也相等，"
        "那么它们的梯度在每一步都相等。",
        "ReLU 从 0 开始：a 是隐藏层的输出，δ 是输出层的误差，δ[h] 是隐藏层的误差。"
        "只有最后的偏置 b 还有梯度。",
        "这个偏置学到的，是各类 k 的频率 f[k]，也就是“不看输入”时最好的答案。",
    ),
    measured=(
        "在手写数字上做 softmax 回归，从 0 开始的准确率是 {softmax}；"
        "与随机初始化相比（批次顺序相同），前者减后者为 {gap}。",
        "用 ReLU 从 0 开始，训练之后绝对值最大的权重：MLP 为 {mlp}，卷积网络为 {cnn}，"
        "循环网络为 {rnn}，与出发时分毫不差。MLP 的准确率是 {chance}，"
        "而样本最多的那一类所占比例是 {frequent}。",
        "这个 MLP 的输出偏置给出了各类的频率，误差不超过 {error}。",
        "换成一个含 32 个 sigmoid 神经元的隐藏层：50 步之后，各神经元的权重之间只相差自身大小的 "
        "{spread}，不过是舍入误差。准确率为 {sigmoid}，而用 Glorot 初始化是 {glorot}。",
    ),
    rules=(
        "隐藏神经元互为复制品；对从 0 开始的 softmax 回归，它不会报警。",
        "参数的梯度恰好为 0，例如从 0 开始的 ReLU 网络里的权重。",
    ),
    claims=(
        "ReLU 从 0 开始：MLP、卷积网络和循环网络。",
        "sigmoid 从 0 开始：学是学了，可学的都是同一样东西。",
        "没有隐藏层时，从 0 开始不比随机初始化差。",
        "有隐藏层时规则才报警，没有就不报。",
    ),
    correction="教科书上说，用 ReLU 并从 0 开始时“所有梯度都是 0”。不尽然：输出层的偏置是有梯度的，"
    "它会学到各类出现的频率。教科书还说 sigmoid 从 0 开始会失败；从上面的数据看，"
    "它还是学到了一点东西，不过也只相当于每个隐藏层只有一个神经元的网络。",
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
    chinese=CHINESE,
)
