"""CSV files: `python tests/fuzz/fuzz_csv.py -n 100000`."""

from driver import Target, main

from lifesigns.nets.data import load

CELLS = (
    "", " ", "nan", "inf", "-inf", "1e999", "1e308", "1e-320", "1_000", "0x10", "1,5", '"1,5"',
    "1.234,5",
    "1,234", "cat", "?", '"', '"a\nb"', "'", "\0", "\x1b[31m", "é", "−1", "٣", "１", "1 2", "+1",
    "1.",
    "9" * 400, "x" * 140_000, ",,,,", ";", "\t", "True", "NA", "-0", "0", "1", "\ufeff1", "\u2028",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252")


def table(target=lambda i: i % 2, separator=",", end="\n"):
    lines = ["a,b,y", *(f"{i / 7:.3f},{i * i % 11},{target(i)}" for i in range(40))]
    return end.join(lines).replace(",", separator).encode()


def examples(_):
    german = table(separator=";").replace(b".", b",")
    return [
        table(),
        table(lambda i: ["cat", "dog"][i % 2], end="\r\n"),
        table(lambda i: i / 3, separator="\t"),
        german,
        table(lambda i: f"{i % 3}.0", separator=";"),
        b"grad,a,y\n".replace(b"grad", b"gr\xf6\xdfe") + b"1,2,0\n2,3,1\n" * 30,
    ]


def damage(random, data):
    """Cells, rows, separators, ends of lines and encodings changed."""
    text = data.decode("latin-1")
    separator = next((mark for mark in ";\t" if mark in text), ",")
    rows = [line.split(separator) for line in text.splitlines()]
    for _ in range(random.choice((0, 1, 1, 2, 10))):
        row = random.choice(rows)
        change = random.randrange(6)
        if change < 3 and row:
            row[random.randrange(len(row))] = random.choice(CELLS)
        elif change == 3:
            row.append(random.choice(CELLS))
        elif change == 4:
            rows.insert(random.randrange(len(rows)), list(random.choice(rows)))
        else:
            rows = rows[: random.randrange(1, len(rows) + 1)]
    separator = random.choice((separator, separator, separator, ",", ";", "\t", "|"))
    end = random.choice(("\n", "\n", "\r\n", "\r", "\n\n"))
    text = end.join(separator.join(row) for row in rows)
    return text.encode(random.choice((*ENCODINGS[:1] * 4, *ENCODINGS)), "replace")


def read(data, folder):
    path = folder / "table.csv"
    path.write_bytes(data)
    load(path, target="b" if len(data) % 5 == 0 else None)


TARGET = Target("csv", examples, damage, read)

if __name__ == "__main__":
    main(TARGET)
