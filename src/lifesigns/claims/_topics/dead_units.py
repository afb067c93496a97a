"""ReLU units that never fire, and why they do not come back."""

from lifesigns.claims._topics._topic import Formula, Number, Topic, Words

ENGLISH = Words(
    title="Dead units: ReLUs that never fire again",
    idea=(
        "ReLU gives z where z is positive and 0 where it is not. On the positive side the slope is "
        "1, so the gradient passes unharmed; on the other side output and slope are both exactly "
        "0. For a single sample that is as it should be: units that are silent for some inputs "
        "and speak for others are what makes the network non-linear.",
        "A unit is dead when it is silent for every input there is. Then no sample sends a "
        "gradient to its weights, and gradient descent, which moves a weight along its gradient, "
        "leaves it where it is. The network has one unit less, and with a whole layer dead nothing "
        "in front of it learns any more.",
        "Units die in two ways. One large step can push the bias or the weights so far that z is "
        "negative for all of the data: hence more units die as the rate grows. Or they are born "
        "dead, by negative biases or by bad luck with the initial weights, which deep and narrow "
        "networks are sure to have sooner or later. Remedies follow from that: a lower rate, "
        "He's initial weights with biases of 0, normalised inputs, more width, or an activation "
        "with some slope on the left, such as leaky ReLU.",
    ),
    letters=(
        "ReLU and its slope: z is the weighted sum of the unit.",
        "The condition of death: w and b are the unit's weights and bias, x runs over all of its "
        "inputs. The gradient of the weights is a sum of terms that are all 0.",
        "Leaky ReLU: the small slope α (0.01 in PyTorch) leaves a way back.",
    ),
    measured=(
        "Networks of two hidden layers of 100 ReLUs are trained by Adam on Fashion-MNIST. At a "
        "rate of 0.01 a share of {low} of the hidden units is dead at the end; at 0.03 it is "
        "{middle}, at 0.1 it is {high}.",
        "On handwritten digits, at a rate of 0.1 with momentum, ReLU loses a share of {relu}; "
        "leaky ReLU loses {leaky} at any rate tried.",
        "Born dead: of networks two units wide with He's weights, drawn at random, a share of "
        "{five} gives the same output for every input at depth 5, {ten} at depth 10 and {twenty} "
        "at depth 20. No step of training has been taken.",
    ),
    rules=(
        "Units that were silent for everything they saw; its manual page follows on a terminal.",
        "The same before the first update.",
        "What it does to the layers before: a gradient of exactly 0.",
    ),
    claims=(
        "The share of dead units against the learning rate.",
        "Leaky ReLU beside ReLU, at three rates.",
        "Networks born dead, by depth.",
    ),
    correction="Two sentences are repeated without care. That 40% of a network may die is a "
    "remark in lecture notes (CS231n) without an experiment; the share is anything between 0 and "
    "1, and above all the rate decides. And a dead unit is not dead for ever by necessity: its "
    "own weights get no gradient, but the layers before it may still move through other units, "
    "and change its inputs until it speaks. In the first layer, where the inputs are the data, "
    "only leftover momentum or weight decay could do that.",
)

CHINESE = Words(
    title="死亡神经元：再也不激活的 ReLU",
    idea=(
        "z 为正时，ReLU 原样输出 z；否则输出 0。正的一侧斜率为 1，梯度可以毫发无损地通过；"
        "另一侧输出和斜率都恰好是 0。对单个样本来说，这并无不妥：有的输入让它沉默，"
        "有的输入让它激活，网络的非线性正是这么来的。",
        "如果一个神经元对所有输入都沉默，它就死了。这时没有任何样本会把梯度传给它的权重，"
        "而梯度下降只会让权重沿着梯度走，没有梯度就只好原地不动。网络等于少了一个神经元；"
        "要是一整层都死了，它前面的各层也就都学不动了。",
        "死法有两种。一种是被一大步“踢”死：权重或偏置一下子变得太多，对全部数据 z 都成了负数，"
        "所以学习率越大，死得越多。另一种是生来就死：偏置取了负值，或者初始权重运气不好；"
        "网络又深又窄时，这种坏运气几乎躲不掉。对策也就清楚了：降低学习率，"
        "用 He 初始化并把偏置设为 "
        "0，把输入归一化，把网络加宽，或者换用左侧也有一点斜率的激活函数，例如 Leaky ReLU。",
    ),
    letters=(
        "ReLU 及其斜率：z 是神经元的加权和。",
        "死亡的条件：w 和 b 是该神经元的权重和偏置，x 取遍它的所有输入。"
        "权重的梯度是许多项之和，而每一项都是 0。",
        "Leaky ReLU：负侧留一点斜率 α（PyTorch 中默认 0.01），也就留了一条退路。",
    ),
    measured=(
        "用 Adam 在 Fashion-MNIST 上训练有两个隐藏层、每层 100 个 ReLU 的网络。训练结束时，"
        "隐藏层中死亡神经元的比例：学习率 0.01 时为 {low}，0.03 时为 {middle}，0.1 时为 {high}。",
        "在手写数字上，学习率 0.1 并加动量，ReLU 的死亡比例是 {relu}；Leaky ReLU "
        "在试过的所有学习率下都是 {leaky}。",
        "生来就死：随机生成每层两个神经元、用 He 初始化的网络，对任何输入都给出同一个输出的比例，"
        "深度为 5 时是 {five}，为 10 时是 {ten}，为 20 时是 {twenty}。这时训练还一步都没有开始。",
    ),
    rules=(
        "神经元对见过的一切输入都沉默；在终端上，本页之后就是这条规则的手册。",
        "同样的情形，但发生在第一次更新之前。",
        "它对前面各层的影响：梯度恰好为 0。",
    ),
    claims=(
        "死亡比例与学习率的关系。",
        "三种学习率下，Leaky ReLU 与 ReLU 的对照。",
        "生来就死的网络，按深度统计。",
    ),
    correction="有两句话常被不加思索地转述。一句是“网络里可能有 40% 的神经元死掉”："
    "这只是课程讲义（CS231n）里顺口一提，并没有给出实验；实际比例从 0 到 1 都有可能，"
    "起主要作用的是学习率。另一句是“死了就永远活不过来”：它自己的权重确实收不到梯度，"
    "但前面的层仍然可以通过别的神经元继续学习，从而改变它的输入，也许有一天它又会激活。"
    "只有第一层例外，那里的输入就是数据本身，除非靠残余的动量或权重衰减，否则不会复活。",
)

TOPIC = Topic(
    name="dead-units",
    formulas=(
        Formula(
            "ReLU(z) = max(0, z),  ReLU′(z) = 1 (z > 0), 0 (z < 0)",
            r"\mathrm{ReLU}(z) = \max(0, z), \quad "
            r"\mathrm{ReLU}'(z) = 1 \;\; (z > 0), \;\; 0 \;\; (z < 0)",
        ),
        Formula(
            "w·x + b < 0 ∀x  →  ∂C/∂w = Σ δ(x) x = 0,  ∂C/∂b = Σ δ(x) = 0",
            r"w \cdot x + b < 0 \;\; \forall x \;\Rightarrow\; "
            r"\frac{\partial C}{\partial w} = \sum_x \delta(x)\,x = 0, \quad "
            r"\frac{\partial C}{\partial b} = \sum_x \delta(x) = 0",
        ),
        Formula(
            "LeakyReLU(z) = max(αz, z),  0 < α < 1",
            r"\mathrm{LeakyReLU}(z) = \max(\alpha z, z), \quad 0 < \alpha < 1",
        ),
    ),
    numbers={
        "low": Number("relu-dies", "dead share at a rate of 0.01"),
        "middle": Number("relu-dies", "dead share at a rate of 0.03"),
        "high": Number("relu-dies", "dead share at a rate of 0.1"),
        "relu": Number("leaky-relu", "dead share of ReLU at the wild rate"),
        "leaky": Number("leaky-relu", "largest dead share of leaky ReLU at any rate"),
        "five": Number("born-dead", "share born dead at depth 5"),
        "ten": Number("born-dead", "share born dead at depth 10"),
        "twenty": Number("born-dead", "share born dead at depth 20"),
    },
    rules=("dead-units", "dead-from-birth", "zero-gradient"),
    claims=("relu-dies", "leaky-relu", "born-dead"),
    references=(
        "CS231n, Neural Networks Part 1: commonly used activation functions",
        "Lu et al. 2019, Dying ReLU and Initialization",
        "Maas, Hannun & Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
    ),
    english=ENGLISH,
    chinese=CHINESE,
)
