"""TOML text with values of every kind in every place."""

VALUES = (
    "3", "-1", "0", "1.5", "nan", "inf", "-inf", "true", "[]", "{}", "''", "'relu'",
    "['relu', 'tanh']",
    "[1, 2]", "[[1]]", "['a', 1]", "[nan]", "[1e999]", "{a = 1}", "1979-05-27", "07:32:00",
    "2025-02-30",
    "0x" + "f" * 5000, "9" * 400, "9" * 5000, "1_000", "'" + "x" * 5000 + "'", '"\\u001b[2J"',
    "9223372036854775808",
    "[" * 60 + "]" * 60, "[" * 3000, "{a = " * 500, "'dead-units'", "['dead-units']",
    "[{a = ['x']}]", '"\\ud800"',
)  # fmt: skip
HEADERS = (
    "[tool]", "[tool.lifesigns]", "[[tool]]", "[[tool.lifesigns]]",
    "[tool.lifesigns.per-site-ignores]",
    "tool = 3", "[a." + "a." * 100 + "a]", "['tool'.'lifesigns']", "[]", "# comment", "",
)  # fmt: skip


def damage(random, data, keys):
    """Lines left out, doubled and put in."""
    lines = data.decode().splitlines()
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randint(0, len(lines))
        line = f"{random.choice(keys)} = {random.choice(VALUES)}"
        line = random.choice((line, line, line, random.choice(HEADERS)))
        lines[at : at + random.choice((0, 1, 1))] = [line]
    return random.choice(("\n", "\n", "\r\n")).join(lines).encode()
