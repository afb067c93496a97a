"""How the error travels back through a network, and what becomes of it on the way."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

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
        "The gradients the optimizer gets: the error of the unit times the value at its input.",
    ),
    measured=(
        "A network of four hidden layers of 32 sigmoids, with Glorot's weights, is given 128 "
        "handwritten digits before any training. Written out by these formulas, its gradients "
        "differ from those of PyTorch's autograd by {autograd} at most.",
        "At the output the root mean square of δ is {delta5}. Going back it is {delta4}, {delta3}, "
        "{delta2} and, at the first layer, {delta1}.",
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

CHINESE = Words(
    title="反向传播：误差怎样一层层传回去",
    idea=(
        "要让损失变小，就得知道每个权重变一点，损失会变多少。网络是函数套函数，"
        "链式法则给出了答案：从这个权重到损失，每经过一步就乘上一个因子。"
        "如果对每个权重都从头算一遍，谁也算不起。反向传播的高明之处，在于从损失出发倒着算，"
        "把公共的部分只算一次：不管有多少个权重，往回走一趟的计算量大约只是前向的两倍。",
        "往回传的量记作 δ，它是损失对每个神经元加权和 z 的导数，意思是：这个神经元当初应该往哪边、"
        "改多少。δ 每退回一层，要乘两样东西：一是权重，就是前向传播时用过的那些权重；"
        "二是激活函数在该神经元当前位置上的斜率。有了 δ，某个权重的梯度就等于它所通向的神经元的 δ，"
        "乘以它所传递的那个输入值。",
        "训练失败的种种情形，几乎都能从这个连乘式里看出来。斜率接近 0：神经元饱和，误差过不去。"
        "斜率恰好为 0：ReLU 死了。权重为 0：再往前什么也收不到。权重彼此相等：δ 也相等，"
        "神经元永远分不出彼此。因子大多小于 1，梯度消失；大多大于 1，梯度爆炸。",
    ),
    letters=(
        "前向：a[0] 是输入，W[l] 和 b[l] 是第 l 层的权重和偏置，z[l] 是加权和，"
        "a[l] 是输出，σ 是激活函数。",
        "输出层 L（softmax 配交叉熵）：p 是预测的各类概率；y 在正确的类上为 1，其余为 0。",
        "退回一层：ᵀ 表示转置，权重这回是从输出端往输入端用；⊙ 表示逐个神经元相乘；"
        "σ′ 是激活函数的斜率。",
        "交给优化器的梯度：神经元的误差乘以它的输入值。",
    ),
    measured=(
        "取一个有四个隐藏层、每层 32 个 sigmoid 神经元、用 Glorot 初始化的网络，"
        "训练之前喂给它 128 个手写数字。按上面的公式逐层手算，"
        "所得梯度与 PyTorch 的 autograd 最多相差 {autograd}。",
        "输出层 δ 的均方根是 {delta5}；一路往回，依次是 {delta4}、{delta3}、{delta2}，"
        "到第一层只有 {delta1}。",
        "第一层分到的误差只占输出层的 {ratio}。主要的“元凶”是斜率：各层斜率的平均值在 {low} 到 "
        "{high} 之间，而 sigmoid 的斜率本来就不可能超过 1/4。剩下的要算在权重头上。",
    ),
    rules=(
        "梯度还没传到前几层就已经消失。",
        "正好相反：梯度逐层变大，或者一步比一步大。",
        "梯度恰好为 0：规则会指出这条链断在哪里。",
    ),
    claims=(
        "把公式一步步写出来，与 autograd 对照，并画出各层的 δ。",
        "网络越深，第一层还剩多少梯度：sigmoid 与 ReLU 的比较。",
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
    chinese=CHINESE,
)
