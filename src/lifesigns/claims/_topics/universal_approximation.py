"""What one hidden layer can express, and what the theorem does not say."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Universal approximation: what one hidden layer can express",
    idea=(
        "A linear layer can only stretch, turn and shift. Two of them in a row are again one: the "
        "product of two matrices is a matrix. A network becomes more than a linear model by what "
        "stands between its layers, the activation.",
        "How much more? As much as one could wish. A ReLU unit of one input is a line with a bend. "
        "A sum of such units is a line with many bends, whose places and angles may be chosen, "
        "and with enough of them it follows any continuous curve as closely as wanted. With "
        "sigmoids the pieces are soft steps, and a sum of steps builds up a curve like a "
        "staircase. The theorem says that this works in any dimension, with a single hidden layer, "
        "for every activation that is not a polynomial.",
        "It is a sentence about what exists. It does not say how many units it takes (in many "
        "dimensions that may be exponentially many), nor that gradient descent will find the "
        "weights, nor that the function fits anything but the data it was given. Deep networks "
        "are used because they express much with fewer units, not because one layer could not.",
    ),
    letters=(
        "One hidden layer of n units: x is the input, w[k] and b[k] are the weights and the bias "
        "of unit k, v[k] is its weight to the output, σ the activation.",
        "The theorem: for every continuous function f on a closed and bounded set K, and every "
        "ε > 0, there is an n and there are weights with this error.",
        "Without an activation: two layers are a single one.",
    ),
    measured=(
        "The function sin 2x + |x|/2 − exp(−4(x − 1)²) from −3 to 3 is approximated by one hidden "
        "layer whose bends are spaced evenly; only the output weights are fitted, by least "
        "squares, so that the error shows what the layer can express. From 2 over 32 to 512 units "
        "the largest error falls with ReLU from {relu2} over {relu32} to {relu512}, with tanh from "
        "{tanh2} over {tanh32} to {tanh512}, and with sigmoids from {sigmoid2} over {sigmoid32} to "
        "{sigmoid512}.",
        "With a cubic polynomial as activation the error at 512 units is {stuck}: a sum of cubics "
        "is a cubic, however many there are.",
        "Stacks of up to 5 linear layers differ from the product of their matrices by {linear} at "
        "most.",
    ),
    rules=("Layers with nothing non-linear between them.",),
    claims=(
        "The largest error against the number of units.",
        "A stack of linear layers is one linear layer.",
    ),
    correction='The theorem is often quoted as "a network can learn any function". It says '
    "approximate, not learn; and not any function: uniformly it holds for continuous functions on "
    "a closed and bounded set, for others (Borel measurable ones) up to a set as small as wanted. "
    "The squashing shape that the first proofs asked for is not needed, only that the activation "
    "is no polynomial.",
)

CHINESE = Words(
    title="万能近似定理：一个隐藏层能表达什么",
    idea=(
        "线性层只会拉伸、旋转和平移。两个线性层叠起来仍是一个线性层，因为两个矩阵的乘积还是矩阵。"
        "神经网络之所以比线性模型强，靠的是夹在层与层之间的激活函数。",
        "强多少？要多强有多强。一维输入的 ReLU 单元，就是一条带一个折点的折线。"
        "把许多这样的单元加起来，"
        "就是有许多折点的折线，折点的位置和角度都可以任选；只要折点够多，"
        "任何连续曲线都能贴近到任意想要的程度。换成 sigmoid，每个单元是一级圆滑的台阶，"
        "许多台阶加起来，像楼梯一样拼出曲线。定理说的是：不论多少维，只用一个隐藏层，"
        "只要激活函数不是多项式，都能做到。",
        "但这个定理讲的只是“存在”。它没有说要用多少个单元（维数高时可能要指数多个），"
        "没有说梯度下降找得到那些权重，也没有说除了给定的数据之外还能对得上什么。"
        "人们使用深层网络，是因为它用较少的单元就能表达很多，而不是因为一层表达不了。",
    ),
    letters=(
        "含 n 个单元的一个隐藏层：x 是输入，w[k] 和 b[k] 是第 k 个单元的权重和偏置，"
        "v[k] 是它通向输出的权重，σ 是激活函数。",
        "定理：对有界闭集 K 上的任意连续函数 f 和任意 ε > 0，总存在某个 n 和一组权重，"
        "使误差小于 ε。",
        "没有激活函数：两层等于一层。",
    ),
    measured=(
        "在 −3 到 3 上逼近函数 sin 2x + |x|/2 − exp(−4(x − 1)²)。隐藏层的折点等距排开，"
        "只用最小二乘求输出权重，这样误差反映的就是这一层的表达能力。单元数从 2 增加到 32，"
        "再到 512，最大误差的变化：ReLU 为 {relu2}、{relu32}、{relu512}；tanh 为 {tanh2}、"
        "{tanh32}、"
        "{tanh512}；sigmoid 为 {sigmoid2}、{sigmoid32}、{sigmoid512}。",
        "如果用三次多项式作激活函数，512 个单元的误差仍有 {stuck}：三次多项式不管加多少个，"
        "还是三次多项式。",
        "最多 5 个线性层叠在一起，与各矩阵的乘积相比，最多相差 {linear}。",
    ),
    rules=("层与层之间没有任何非线性。",),
    claims=(
        "最大误差与单元个数的关系。",
        "一叠线性层就是一个线性层。",
    ),
    correction="这个定理常被说成“神经网络能学会任何函数”。其实它说的是“近似”，不是“学会”；"
    "也不是任何函数：一致逼近针对的是有界闭集上的连续函数，对更一般的函数（Borel 可测函数），"
    "则允许它在一个任意小的集合上不成立。最早的证明要求激活函数呈 S 形，后来发现并无必要，"
    "只要不是多项式就行。",
)

TOPIC = Topic(
    name="universal-approximation",
    formulas=(
        Formula(
            "F(x) = Σ v[k] σ(w[k]·x + b[k]),  k = 1 … n",
            r"F(x) = \sum_{k=1}^{n} v_k \,\sigma(w_k \cdot x + b_k)",
        ),
        Formula(
            "|F(x) − f(x)| < ε  ∀x ∈ K",
            r"|F(x) - f(x)| < \varepsilon \quad \forall x \in K",
        ),
        Formula(
            "W[2](W[1] x + b[1]) + b[2] = (W[2] W[1]) x + (W[2] b[1] + b[2])",
            r"W_2 (W_1 x + b_1) + b_2 = (W_2 W_1)\, x + (W_2 b_1 + b_2)",
        ),
    ),
    numbers={
        **{
            f"{name.lower()}{width}": Number(
                "universal-approximation", f"{name}: error at {width} units"
            )
            for name in ("ReLU", "tanh", "sigmoid")
            for width in (2, 32, 512)
        },
        "stuck": Number("universal-approximation", "error of a polynomial activation at 512 units"),
        "linear": Number("linear-stack", "largest distance of a stack from its product matrix"),
    },
    rules=("linear-collapse",),
    claims=("universal-approximation", "linear-stack"),
    references=(
        "Cybenko 1989, Approximation by Superpositions of a Sigmoidal Function",
        "Hornik, Stinchcombe & White 1989, Multilayer Feedforward Networks Are Universal "
        "Approximators",
        "Leshno, Lin, Pinkus & Schocken 1993, Multilayer Feedforward Networks with a "
        "Nonpolynomial Activation Function Can Approximate Any Function",
    ),
    english=ENGLISH,
    chinese=CHINESE,
)
