"""What all pages say alike, in each language."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from lifesigns.report.language import Language


@dataclass(frozen=True)
class Phrases:
    """Headings and the sentences about how the numbers were measured."""

    idea: str
    formulas: str
    measured: str
    rules: str
    claims: str
    correction: str
    references: str
    interval: str
    missing: str
    quick: str
    random: str
    exact: str
    between: str
    brackets: str
    kept: str
    environment: str


PHRASES = MappingProxyType(
    {
        Language.ENGLISH: Phrases(
            idea="What it is",
            formulas="The formulas",
            measured="Measured here",
            rules="What watches for it",
            claims="What shows it",
            correction="A correction",
            references="References",
            interval=" ({low} to {high})",
            missing="Not measured here, because the claim {claim} could not be run: {reason}",
            quick="A quick run, with fewer random starts and steps than lifesigns claims takes "
            "without --quick: {runs}. ",
            random="{claim} from {number} random starts",
            exact="{claim} without chance",
            between=", ",
            brackets="In brackets stand 95% confidence intervals. ",
            kept="Kept from an earlier run of the same code. ",
            environment="lifesigns {lifesigns}, torch {torch}, NumPy {numpy}, Python {python} on "
            "{machine}, one thread; this page is of {day}.",
        ),
        Language.CHINESE: Phrases(
            idea="讲的是什么",
            formulas="公式",
            measured="在这台机器上实测",
            rules="由哪条规则盯着",
            claims="由哪个实验演示",
            correction="一处勘误",
            references="参考文献",
            interval="（{low} 至 {high}）",
            missing="此处没有测到数据：实验 {claim} 无法运行。原因（程序原文）：{reason}",
            quick="以上是快速运行的结果，随机初始化的次数和训练步数都少于不带 --quick 的 "
            "lifesigns claims：{runs}。",
            random="{claim} 用了 {number} 次随机初始化",
            exact="{claim} 不含随机成分",
            between="，",
            brackets="括号内是 95% 置信区间。",
            kept="数据取自此前用同一份代码所做的运行。",
            environment="lifesigns {lifesigns}，torch {torch}，NumPy {numpy}，Python {python}，"
            "{machine}，单线程；本页生成于 {day}。",
        ),
    }
)
